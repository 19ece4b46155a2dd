"""Run what is left of the study, part by part, within so many hours: ``python -m docs.study``, or ``make study``.

A part that is stopped goes on from its recorded calls the next time.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from docs.study.figures import write_figures
from docs.study.models import as_the_hub_has_them
from docs.study.parts import CALLS, PARTS, Part, Sitting, note_time, read_times
from papillon.errors import UsageError
from papillon.project import ROOT

__all__ = ["main", "run_part"]

#: What all sittings together may take.
MOST_HOURS = 12.0
#: Seconds between two notes of what a part has taken.
NOTED_EVERY = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.study", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="these alone, in this order, also where done (default: all)"
    )
    parser.add_argument("--hours", type=float, metavar="H", help="of this sitting (default: what is left of 12 in all)")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where the .gguf files are (default: the hub)")
    parser.add_argument("--list", action="store_true", help="say what is done, and each part's command")
    parser.add_argument("--figures", action="store_true", help="only write tables and pictures anew")
    given = parser.parse_args(arguments)
    named = {part.name: part for part in PARTS}
    if unknown := {*given.parts} - {*named}:
        parser.error(f"expected parts of the study, got {', '.join(sorted(unknown))}; --list names them")
    times = read_times()
    done = {sitting.part for sitting in times if sitting.over}
    chosen = [named[name] for name in given.parts] or [part for part in PARTS if part.name not in done]
    if given.list:
        for part in PARTS:
            state = "done" if part.name in done else "not done"
            print(f"{part.name}: {part.shows}; {state}\n  {shlex.join(part.command)}")
        return 0
    if not given.figures:
        try:
            links = as_the_hub_has_them(given.models, ROOT / ".papillon" / "study" / "hub") if given.models else {}
        except UsageError as error:
            parser.error(str(error))
        _run(chosen, times, given.hours, links)
    write_figures()
    return 0


def _run(parts: Sequence[Part], times: Sequence[Sitting], hours: float | None, links: Mapping[str, str]) -> None:
    left = MOST_HOURS * 3600 - sum(sitting.wall for sitting in times)
    until = time.monotonic() + min(left, left if hours is None else hours * 3600)
    for part in parts:
        if time.monotonic() >= until:
            print(f"The time is up before {part.name}; the same command goes on.")
            return
        sitting = Sitting(part.name, datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
        code = run_part(part, sitting, until, links, partial(note_time, sitting))
        if not sitting.over:
            print(f"{part.name} was stopped (exit {code}); the same command goes on with it.")
            return


def run_part(
    part: Part, sitting: Sitting, until: float, environment: Mapping[str, str], note: Callable[[], object]
) -> int:
    """Run one part and note in ``sitting`` what it takes; past ``until`` it is interrupted, as by Ctrl-C, and its calls
    in flight are waited for. The exit code; what it was not over with is run again."""
    name, *words = part.command
    part.results.parent.mkdir(exist_ok=True)
    CALLS.mkdir(exist_ok=True)
    print(f"== {part.name}: {part.shows}\n{shlex.join([name, *words])}", flush=True)
    began, before = time.monotonic(), _processor()
    with nullcontext() if name == "pytest" else part.results.open("w") as printed:
        child = subprocess.Popen(  # noqa: S603 - the study's own command
            [sys.executable, "-um", name, *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=printed,
            # A shell without job control has what runs in the background ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    # Whoever ends the study has its part stopped as well, with what is in flight recorded.
    before_it = signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(signal.SIGINT))
    asked = False
    while True:
        try:
            code = child.wait(NOTED_EVERY if asked else max(0.1, min(NOTED_EVERY, until - time.monotonic())))
            break
        except KeyboardInterrupt:
            asked = True  # the child has had it too
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until and not asked:
                asked = True
                child.send_signal(signal.SIGINT)
        sitting.wall = round(time.monotonic() - began, 1)
        note()
    signal.signal(signal.SIGTERM, before_it)
    sitting.wall, sitting.processor = round(time.monotonic() - began, 1), round(_processor() - before, 1)
    # A gate or a control that does not hold, or a row that the judge gave no score, is a finding.
    sitting.over = code == 0 or (code == 1 and name == "pytest" and part.results.exists())
    note()
    return code


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
