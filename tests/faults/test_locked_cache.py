"""A cache that another process keeps locked ends a run in time, and Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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


def test_ctrl_c(evaluator: Evaluator) -> None:
    with ModelServer(latency=0.1) as server:
        profile = str(evaluator.profile(server.base, concurrency="4"))
        process = evaluator.start(*DEV, "--eval-profile", profile)
        while server.calls < 20:
            time.sleep(0.01)
        with held(evaluator.cache):
            time.sleep(3)
            asked = server.calls
            pressed = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
            try:
                out, _ = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
                print("KILLED")
            print(out, time.monotonic() - pressed, server.calls - asked)
