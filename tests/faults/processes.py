"""Runs as processes that are killed, and what must hold of the cache that they leave."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from papillon.store import check
from tests.harness.runs import EvalRun, Evaluator
from tests.model_server import ModelServer

__all__ = [
    "DEV",
    "SLOTS",
    "begin_anew",
    "built_shim",
    "descendants",
    "kill",
    "nothing_lost",
    "until",
    "whole_and_paid_once",
]

#: What is evaluated: 12 examples, some 72 calls, of which so many are in flight at once.
DEV = ("evals", "-m", "dev", "--eval-limit", "12")
SLOTS = 4


def begin_anew(evaluator: Evaluator, server: ModelServer, number: int) -> None:
    """Give the next runs a cache of their own, and forget what the server was asked before."""
    evaluator.cache = evaluator.folder / f"cache-{number}"
    server.calls = 0
    server.bodies.clear()


def built_shim(folder: Path) -> Path:
    """What is preloaded to kill a process at a call that changes a file, compiled in ``folder``; skips without a C
    compiler."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build what counts system calls")
    source, shim = Path(__file__).with_name("killing.c"), folder / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O", "-o", shim, source, "-ldl"], check=True)
    return shim


def descendants(process: int) -> list[int]:
    """The processes that a process started, and that those started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [found for child in children for found in (int(child), *descendants(int(child)))]


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, or the process has ended; a minute at most."""
    deadline = time.monotonic() + 60
    while not reached() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill(process: subprocess.Popen[str], *numbers: int) -> str:
    """Kill processes, by default the run and all that it started, and wait for the run; what it wrote."""
    for number in numbers or (process.pid, *descendants(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return process.communicate(timeout=60)[0]


def nothing_lost(cache: Path, answered: int, killed: int) -> None:
    """The cache is sound, holds what was answered but for what was in flight in each killed run, and is free."""
    with (cache / "locks").open("r+b") as file:
        began = time.monotonic()
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() - began < 1, "a key is still locked"
                time.sleep(0.01)
    report = check(cache)
    assert report.ok, str(report)
    assert report.sound >= answered - SLOTS * killed


def whole_and_paid_once(evaluator: Evaluator, server: ModelServer, profile: str, killed: int) -> EvalRun:
    """The same command ends in 0 on all rows now, and only what was in flight in the killed runs was paid again."""
    run = evaluator.run(*DEV, "--eval-profile", profile)
    assert run.code == 0, run.out
    assert [row["status"] for row in run.rows] == ["scored"] * 12
    assert server.calls <= server.distinct + SLOTS * killed
    assert not (evaluator.cache / "cache.db-wal").exists(), "a clean end leaves no journal"
    again = server.calls
    assert evaluator.run(*DEV, "--eval-profile", profile).code == 0
    assert server.calls == again
    return run
