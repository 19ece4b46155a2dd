"""Runs that are interrupted or stopped for a while, at any moment, leave what is consistent and say what is so."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.faults.campaign import drawing, points
from tests.faults.processes import DEV, SLOTS, begin_anew, descendants, nothing_lost, until, whole_and_paid_once
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals a process group"),
]

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])


@WORKERS
def test_ctrl_c_once_or_twice_at_any_moment_loses_nothing_and_is_no_pass(
    evaluator: Evaluator, workers: tuple[str, ...]
) -> None:
    chance = drawing(f"interrupts {workers}")
    with ModelServer(latency=0.05) as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(20)):
            begin_anew(evaluator, server, number)
            process = evaluator.start(*DEV, *workers, "--eval-profile", profile)
            at, twice = chance.randrange(1, 65), chance.random() < 0.5
            until(lambda at=at: server.calls >= at, process)  # type: ignore[misc]
            for _ in range(1 + twice):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                time.sleep(chance.random() * 0.1)
            out = process.communicate(timeout=60)[0]
            # In the very last moment everything was there already.
            assert process.returncode == 2 or (process.returncode == 0 and server.calls >= 60), out
            assert "Traceback" not in out, out
            until(lambda: not server.in_flight, process)
            nothing_lost(evaluator.cache, server.distinct, int(twice))
            whole_and_paid_once(evaluator, server, profile, int(twice))


@WORKERS
def test_a_run_that_is_stopped_for_a_while_goes_on(evaluator: Evaluator, workers: tuple[str, ...]) -> None:
    chance = drawing(f"stops {workers}")
    with ModelServer(latency=0.05) as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(10)):
            begin_anew(evaluator, server, number)
            process = evaluator.start(*DEV, *workers, "--eval-profile", profile)
            at = chance.randrange(1, 60)
            until(lambda at=at: server.calls >= at, process)  # type: ignore[misc]
            stopped = chance.choice([process.pid, *descendants(process.pid)])
            os.kill(stopped, signal.SIGSTOP)
            time.sleep(chance.uniform(0.1, 3))
            os.kill(stopped, signal.SIGCONT)
            out = process.communicate(timeout=120)[0]
            assert process.returncode == 0, out
            assert server.calls == server.distinct
            whole_and_paid_once(evaluator, server, profile, 0)


@WORKERS
@pytest.mark.parametrize("how", ["-x", "--maxfail=2"])
def test_a_failing_call_ends_a_run_that_is_to_end_there_and_costs_nothing_else(
    evaluator: Evaluator, workers: tuple[str, ...], how: str
) -> None:
    chance = drawing(f"failing {workers} {how}")
    for number in range(points(10)):
        evaluator.cache = evaluator.folder / f"cache-{number}"
        failing = {chance.randrange(1, 30) for _ in range(3)}
        with ModelServer(0.05, failing=lambda body, n, at=failing: (400, {}, "no") if n in at else None) as server:  # type: ignore[misc]
            profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
            run = evaluator.run(*DEV, *workers, how, "--eval-profile", profile)
            assert run.code not in (0, 5), run.out
            assert "Traceback" not in run.out
            nothing_lost(evaluator.cache, server.distinct - len(failing), 0)
            server._failing = None
            again = evaluator.run(*DEV, "--eval-profile", profile)
            assert again.code == 0, again.out
            assert server.calls <= server.distinct + len(failing)
