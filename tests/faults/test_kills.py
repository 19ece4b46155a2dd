"""Runs that are killed at any moment and at exact system calls lose nothing, and end in 0 only when all is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from papillon.store import check
from tests.faults.campaign import drawing, points
from tests.faults.processes import (
    DEV,
    SLOTS,
    begin_anew,
    built_shim,
    descendants,
    kill,
    nothing_lost,
    until,
    whole_and_paid_once,
)
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc"),
]


@pytest.mark.parametrize(("workers", "whole"), [((), 60), (("-n", "2"), 40)], ids=["alone", "with its workers"])
def test_a_run_that_is_killed_at_any_moment_loses_nothing(
    evaluator: Evaluator, workers: tuple[str, ...], whole: int
) -> None:
    chance = drawing(f"runs {workers}")
    killed, many = 0, points(whole)
    with ModelServer(latency=0.05) as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        while killed < many:
            if killed % 8 == 0:  # a run's calls are killed eight times, then those of a new cache
                begin_anew(evaluator, server, killed)
            at = server.calls + chance.randrange(1, 9)
            process = evaluator.start(*DEV, *workers, "--eval-profile", profile)
            until(lambda at=at: server.calls >= at, process)  # type: ignore[misc]
            time.sleep(chance.random() * 0.1)
            # Of a run with workers at times the controller alone, which leaves its workers to themselves.
            left = [] if chance.random() < 0.5 else descendants(process.pid)
            if process.poll() is None:
                kill(process, process.pid, *left)
                assert process.returncode != 0
            killed += 1
            until(lambda: not server.in_flight, process)
            nothing_lost(evaluator.cache, server.distinct, killed % 8 or 8)
            if killed % 8 == 0 or killed == many:
                whole_and_paid_once(evaluator, server, profile, 8)


def test_a_worker_that_is_killed_at_any_moment_is_no_clean_end(evaluator: Evaluator) -> None:
    chance = drawing("workers")
    with ModelServer(latency=0.05) as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(20)):
            begin_anew(evaluator, server, number)
            restart = chance.choice([(), ("--max-worker-restart", "0")])
            process = evaluator.start(*DEV, "-n", "2", *restart, "--eval-profile", profile)
            at = chance.randrange(60)
            until(lambda at=at: server.calls >= at, process)  # type: ignore[misc]
            until(lambda of=process: len(descendants(of.pid)) >= 2, process)  # type: ignore[misc]
            out = kill(process, chance.choice(descendants(process.pid)))
            assert process.returncode != 0, out
            whole_and_paid_once(evaluator, server, profile, 0)


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    return built_shim(tmp_path)


def test_a_run_that_is_killed_at_any_call_that_changes_a_file_loses_nothing(
    evaluator: Evaluator, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, killed = drawing("calls"), 0
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, concurrency=str(SLOTS)))
        for number in range(points(40)):
            server.calls = 0
            server.bodies.clear()
            evaluator.cache = evaluator.folder / f"cache-{number}"
            monkeypatch.setenv("SHIM_FOLDER", str(evaluator.cache))
            monkeypatch.setenv("SHIM_AT", str(int(2 ** chance.uniform(0, 9))))
            run = evaluator.run(*DEV, "--eval-profile", profile)
            monkeypatch.delenv("SHIM_AT")
            if run.code == 0:
                continue
            assert run.code == -9, run.out
            killed += 1
            if (evaluator.cache / "locks").exists():
                nothing_lost(evaluator.cache, server.distinct, 1)
            whole_and_paid_once(evaluator, server, profile, 1)
    assert killed


def test_a_repair_that_is_killed_at_any_call_that_changes_a_file_can_go_on(
    evaluator: Evaluator, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = drawing("repairs")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        assert evaluator.run(*DEV, "--eval-profile", profile).code == 0
    damaged = evaluator.cache
    os.truncate(damaged / "cache.db", (damaged / "cache.db").stat().st_size - 8192)
    kept, codes = check(damaged).sound, set()
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    for number in range(points(50)):
        cache = shutil.copytree(damaged, evaluator.folder / f"cache-{number}")
        monkeypatch.setenv("SHIM_FOLDER", str(cache))
        monkeypatch.setenv("SHIM_AT", str(chance.randrange(1, 120)))
        command = [sys.executable, "-m", "papillon", "cache", "repair", str(cache)]
        killed = subprocess.run(command, capture_output=True, text=True, check=False)
        codes.add(killed.returncode)
        monkeypatch.delenv("SHIM_AT")
        subprocess.run(command, capture_output=True, text=True, check=False)
        report = check(cache)
        assert report.ok, str(report)
        assert report.sound == kept
        assert not [*cache.glob("damaged/*/new")]
    assert codes <= {1, -9}
    assert -9 in codes
