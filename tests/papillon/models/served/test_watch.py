"""Between a run and its server: whatever becomes of either, the server and what it started end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from papillon.models.served import watch
from tests.vllm.groups import runs, until

#: Starts a process of its own, says both, and sleeps; the first word says whether it heeds SIGTERM.
SERVER = """\
import os, signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), worker.pid, flush=True)
time.sleep(float(sys.argv[2]))
sys.exit(3)
"""


class Watched:
    """A server with its watch, as a run has them; ``pids`` are the server's and its worker's."""

    def __init__(self, kind: str = "heeds", seconds: float = 60) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", watch.__file__, sys.executable, "-c", SERVER, kind, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.pids = [int(pid) for pid in self.process.stdout.readline().split()]

    def ended(self, seconds: float) -> bool:
        """Whether neither runs any more within so many seconds."""
        return until(lambda: not any(map(runs, self.pids)), seconds)


@pytest.fixture
def watched() -> Iterator[Callable[..., Watched]]:
    started: list[Watched] = []

    def start(*arguments: object) -> Watched:
        started.append(Watched(*arguments))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        for pid in filter(runs, one.pids):
            os.kill(pid, 9)
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout):
            assert pipe is not None
            pipe.close()


def test_a_server_ends_when_its_run_is_gone(watched: Callable[..., Watched]) -> None:
    one = watched()
    one.process.communicate(timeout=10)
    assert one.ended(5)
    assert one.process.returncode == 128 + 15


def test_one_that_does_not_heed_that_is_killed_after_the_seconds_that_the_run_gave_it(
    watched: Callable[..., Watched],
) -> None:
    one = watched("deaf")
    began = time.monotonic()
    one.process.communicate("0.5", timeout=10)
    assert one.process.returncode == 128 + 9
    assert 0.5 <= time.monotonic() - began < 5
    assert one.ended(5)


def test_what_a_server_started_ends_with_it(watched: Callable[..., Watched]) -> None:
    one = watched("heeds", 0)
    assert one.process.wait(10) == 3
    assert one.ended(5)


def test_what_a_killed_server_started_ends_with_it(watched: Callable[..., Watched]) -> None:
    one = watched()
    os.kill(one.pids[0], 9)
    assert one.process.wait(10) == 128 + 9
    assert one.ended(5)
