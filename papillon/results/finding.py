"""Finding: the run, and the row of it, that a user names on the command line, and which runs to compare unasked."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from papillon.errors import UsageError
from papillon.project import EVALUATE
from papillon.results.comparison import incomparable, selected
from papillon.results.folder import RESULTS, has_results, run_folders, stamp
from papillon.results.result import RunResult, read_info, read_result
from papillon.results.traces import TRACES, Traces

__all__ = ["FoundRun", "find_row", "find_run", "finished", "last_comparable", "last_whole", "names_run"]

_LAST = re.compile(r"last(?:~(\d{1,6}))?")


@dataclass(frozen=True)
class FoundRun:
    """A run that was found: its ``result``, the ``path`` of the results file, and its rows' texts, None without."""

    result: RunResult
    path: Path
    traces: Traces | None

    @classmethod
    def at(cls, path: Path, splits: Collection[str] | None = None) -> FoundRun:
        """The run of a folder or of a results file, or of it some ``splits``; UsageError where it cannot be read."""
        file = path / RESULTS if path.is_dir() else path
        traces = Traces(file.parent) if os.path.exists(file.parent / TRACES) and file.name == RESULTS else None
        return cls(read_result(file, splits), file, traces)

    @property
    def files(self) -> list[Path]:
        """What it is read from."""
        return [self.path, *([self.traces.path] if self.traces is not None else [])]

    @property
    def name(self) -> str:
        """The run's id."""
        return self.result.run.id


def finished(runs: Path) -> list[Path]:
    """The folders in ``runs`` of the runs that came to results, the oldest first."""
    return [folder for folder in run_folders(runs) if has_results(folder)]


def names_run(text: str, runs: Path) -> bool:
    """Whether a word names a run rather than a row of one: ``last``, an id, a folder or a file."""
    return _LAST.fullmatch(text) is not None or _path(text, runs) is not None


def find_run(text: str, runs: Path) -> FoundRun:
    """The run that a user names: a folder, a results file, an id in ``runs``, ``last`` or ``last~N``.

    UsageError where there is none, or its results cannot be read.
    """
    if (last := _LAST.fullmatch(text)) is not None:
        back, folders = int(last[1] or 0), finished(runs)
        if back >= len(folders):
            there = {0: "holds none", 1: "holds one"}.get(len(folders), f"holds {len(folders)}")
            raise UsageError(
                f"Expected {'a run' if not back else f'{back + 1} runs'} in {runs} for {text!r}, but it {there}; "
                f"evaluate with {EVALUATE} -m dev, or name another place with --runs."
            )
        return FoundRun.at(folders[-1 - back])
    if (path := _path(text, runs)) is None:
        raise UsageError(
            f"Expected a run: its folder, results file or id, last or last~N; got {text!r}, which is none of {runs}; "
            "papillon runs lists them."
        )
    return FoundRun.at(path)


def find_row(result: RunResult, text: str) -> str:
    """The id of the row that a user names by it or by a beginning that no other has; UsageError otherwise."""
    ids = list(dict.fromkeys(row.id for row in result.rows))
    if text in ids:
        return text
    found = [each for each in ids if each.startswith(text)]
    if len(found) == 1 and text:
        return found[0]
    some = f"{', '.join(found[:3])}{' …' if len(found) > 3 else ''}"
    came = f"{len(found)} begin with it ({some})" if found and text else f"none of its {len(ids)} begins with it"
    raise UsageError(
        f"Expected a row of run {result.run.id} by its id or a beginning that one alone has, got {text!r}: {came}; "
        "papillon show lists them."
    )


def last_whole(runs: Path) -> tuple[FoundRun | None, dict[str, str]]:
    """The newest run in ``runs`` that saw its splits whole, and why each newer one was passed over, by its id."""
    passed: dict[str, str] = {}
    for folder in reversed(finished(runs)):
        found = _taken(folder, passed)
        if found is not None:
            return found, passed
    return None, passed


def last_comparable(result: RunResult, runs: Path) -> tuple[FoundRun | None, dict[str, str]]:
    """The newest run in ``runs`` before this one that is comparable to it and saw a split of it whole, with what it has
    of this one's splits alone; and why each newer one was passed over, by its id.

    A folder that cannot be read is passed over too.
    """
    began, passed = _began(result), dict[str, str]()
    for folder in reversed(finished(runs)):
        if folder.name == result.run.id or folder.name[: len(began)] > began:
            continue
        if (found := _taken(folder, passed, result)) is not None:
            return found, passed
    return None, passed


def _began(result: RunResult) -> str:
    """When a run began, as ids have it; after all others where its results do not say."""
    try:
        return stamp(datetime.datetime.fromisoformat(result.run.started))
    except ValueError:
        return "~"


def _taken(folder: Path, passed: dict[str, str], other: RunResult | None = None) -> FoundRun | None:
    """The run of a folder, None where it is not offered unasked; then ``passed`` says why."""
    try:
        # Most that cannot be compared say so in their first lines.
        why = "" if other is None else incomparable(read_info(folder / RESULTS), other.run)
        splits = None if other is None else sorted({row.split for row in other.rows})
        found = None if why else FoundRun.at(folder, splits)
    except UsageError:
        why, found = "it cannot be read", None
    if found is not None:
        why = selected(found.result) if found.result.rows or not splits else f"it has no {' or '.join(splits)}"
    if why:
        passed[folder.name] = why
        return None
    return found


def _path(text: str, runs: Path) -> Path | None:
    """The folder or file of a run that a word names, None where it is neither a path nor an id."""
    for path in (Path(text), runs / text):
        if text and (os.path.isfile(path) or has_results(path)):
            return path
    return None
