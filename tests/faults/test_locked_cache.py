"""A cache that another process keeps locked ends a run in time, and Ctrl-C ends it at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from papillon.store import Store
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer
from tests.papillon.store.samples import python

DEV = ("evals", "-m", "dev")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals a process group"),
]

#: Holds the database as a backup or an editor would that was left open.
HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1] + "/cache.db", isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held(cache: Path) -> Iterator[subprocess.Popen[str]]:
    process = python(HOLDER, cache, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def started(evaluator: Evaluator, server: ModelServer) -> subprocess.Popen[str]:
    """A run that has asked the server a few times."""
    process = evaluator.start(*DEV, "--eval-profile", str(evaluator.profile(server.base, concurrency="4")))
    while server.calls < 20:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def ended(process: subprocess.Popen[str], within: float) -> str:
    began = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < within, out
    assert "Traceback" not in out
    return out


def locked(evaluator: Evaluator, holder: subprocess.Popen[str], seconds: str) -> str:
    """What is said of it, as a regular expression."""
    who = rf"process {holder.pid} \(python[\d.]*, started \d\d:\d\d:\d\d\)"
    return (
        rf"{who} has kept the cache {evaluator.cache} locked for {seconds} s: end that process, or use another folder "
        "with --eval-cache, and run again."
    )


def test_ctrl_c_ends_the_wait_for_a_locked_cache_within_a_second(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.1) as server:
        process = started(evaluator, server)
        with held(evaluator.cache) as holder:
            time.sleep(2)
            asked = server.calls
            os.killpg(process.pid, signal.SIGINT)
            out = ended(process, within=4)  # a second for the wait, and the summary
            assert process.returncode == 2, out
            assert server.calls == asked
            assert re.search("[1-4] paid answers? .* not be recorded: " + locked(evaluator, holder, r"\d+"), out)


def test_a_cache_that_stays_locked_ends_the_run_and_names_who_holds_it(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.1) as server:
        process = started(evaluator, server)
        with held(evaluator.cache) as holder:
            asked = server.calls
            out = ended(process, within=40)
            assert process.returncode == 1, out
            assert server.calls <= asked + 4
            assert re.search("[1-4] paid answers? .* not be recorded: " + locked(evaluator, holder, "30"), out)


def test_a_cache_that_is_locked_for_a_while_costs_a_run_nothing(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.1) as server:
        process = started(evaluator, server)
        with held(evaluator.cache):
            time.sleep(5)
        out = ended(process, within=60)
        assert process.returncode == 0, out
        assert server.calls == server.distinct


def test_before_a_locked_cache_is_free_nothing_is_paid(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        Store(evaluator.cache).close()
        with held(evaluator.cache) as holder:
            process = evaluator.start(*DEV, "--eval-profile", profile)
            out = ended(process, within=60)
            assert process.returncode == 1
            assert server.calls == 0
            assert re.search(locked(evaluator, holder, "30"), out), out
