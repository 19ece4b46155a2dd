"""Workers that are killed or stopped before they have collected anything: named, and a dead one is no clean end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.processes import descendants
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc"),
]

START = ("evals", "-m", "dev", "--eval-limit", "4", "-n", "2", "--eval-profile")
WORKERS = ("-p", "theirs", *START)


def hit(evaluator: Evaluator, signal_: str) -> dict[str, str]:
    """The environment of a plugin by which the second worker sends itself a signal before it collects."""
    (evaluator.folder / "theirs.py").write_text(
        "import os, signal\n"
        "def pytest_collection(session):\n"
        "    if getattr(session.config, 'workerinput', {}).get('workerid') == 'gw1':\n"
        f"        os.kill(os.getpid(), signal.{signal_})\n"
    )
    return {"PYTHONPATH": str(evaluator.folder)}


def test_a_worker_that_dies_before_it_has_collected_is_named_and_no_clean_end(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*WORKERS, profile, **hit(evaluator, "SIGKILL"))
        assert run.code == 1, run.out
        assert run.results is not None
        assert run.results["problems"] == [
            "Worker gw1 died before its end (Not properly terminated): run the same command again, what is recorded is "
            "replayed."
        ]
        assert run.results["problems"][0] in " ".join(run.out.split())
        again = evaluator.run(*START, profile)
        assert again.code == 0, again.out
        assert server.calls == server.distinct


def read_until_named(process: subprocess.Popen[str]) -> tuple[str, int]:
    """What a run says until it names a stopped worker, and that process."""
    said = ""
    for line in process.stdout or ():
        said += line
        if found := re.search(
            r"orker( gw1)? \(process (\d+)\) is stopped, and this run waits for it: kill -CONT \2 ", said
        ):
            return said, int(found[2])
    raise AssertionError(said)


def state(process: int) -> str:
    """The letter that the system has for what a process does: T where a signal stopped it, Z where it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def first_worker(process: int) -> int:
    """A run's first worker as soon as there is one: not before it is a program of its own, since until then it has its
    parent's memory and the kernel lets that one do nothing."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in descendants(process):
            with suppress(FileNotFoundError):
                if b"import sys" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return child
        time.sleep(0.001)
    raise AssertionError("no worker was started")


def test_a_worker_that_is_stopped_is_named_and_the_run_goes_on_with_it(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        process = evaluator.start(*WORKERS, profile, **hit(evaluator, "SIGSTOP"))
        said, stopped = read_until_named(process)
        os.kill(stopped, signal.SIGCONT)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said + rest
    assert "is stopped" not in rest


def test_ctrl_c_ends_a_run_that_waits_for_a_stopped_worker(evaluator: Evaluator) -> None:
    profile = str(evaluator.profile("http://127.0.0.1:9/v1"))
    process = evaluator.start(*WORKERS, profile, **hit(evaluator, "SIGSTOP"))
    said, stopped = read_until_named(process)
    os.killpg(process.pid, signal.SIGINT)
    while (now := state(stopped)) == "T":
        time.sleep(0.005)
    assert now in "RSD", "it was killed, which xdist does after ten seconds, and not let go on"
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 2, said + rest
    assert "Traceback" not in rest


def test_a_worker_that_is_stopped_while_it_is_started_is_named_and_ctrl_c_ends_the_run(evaluator: Evaluator) -> None:
    profile = str(evaluator.profile("http://127.0.0.1:9/v1"))
    process = evaluator.start(*START, profile)
    os.kill(first_worker(process.pid), signal.SIGSTOP)
    said, _ = read_until_named(process)
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 2, said + rest


def test_a_worker_that_dies_while_it_is_started_is_one_sentence(evaluator: Evaluator) -> None:
    profile = str(evaluator.profile("http://127.0.0.1:9/v1"))
    process = evaluator.start(*START, profile)
    os.kill(first_worker(process.pid), signal.SIGKILL)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 1, out
    assert re.search(r"A worker died while it was started \(\w+\): start the run again\.", out), out
    assert "Traceback" not in out
