"""A start of vLLM that fails or is broken off, and a run or a server that is killed: named, and no process is left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import pytest

from tests.model_server import ModelServer
from tests.vllm.conftest import Profiled
from tests.vllm.groups import Started, until

ROWS = ("evals", "-m", "dev", "--eval-limit", "2")
ENGINE = "VLLM::EngineCore"

#: Seconds that a start may take beside other work.
PATIENCE = 900.0


@dataclass
class Starting:
    """A run whose local model vLLM is to serve, and what it has started; the other models answer nothing."""

    run: Popen[str]
    started: Started
    others: ModelServer

    def until(self, words: str) -> None:
        """Wait until there is a process with those words."""
        assert until(lambda: self.started.has(words) or self.run.poll() is not None, PATIENCE)
        assert self.run.poll() is None


@pytest.fixture
def starting(profiled: Profiled, tmp_path: Path) -> Iterator[Starting]:
    with ModelServer() as server:
        server.holds = lambda number: True
        evaluator, profile = profiled(tmp_path, server)
        run = evaluator.start(*ROWS, profile)
        one = Starting(run, Started(run.pid), server)
        yield one
        if run.poll() is None:
            one.started.has("")
            run.kill()
        run.communicate()
        server.holds = lambda number: False
        assert until(lambda: not server.in_flight, 10)
    assert one.started.ended(30), one.started.left()


def test_a_start_that_fails_is_named_by_its_cause(profiled: Profiled, model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(model, empty, ignore=shutil.ignore_patterns("*.safetensors"))
    with ModelServer() as server:
        evaluator, profile = profiled(tmp_path, server, empty)
        run = evaluator.run(*ROWS, profile, timeout=PATIENCE)
    cause = (
        f"vllm serve for vllm/{empty} ended with status 1: RuntimeError: Cannot find any model weights with `{empty}`"
    )
    assert run.code == 1, run.out
    assert [row["error"].startswith(cause) for row in run.rows] == [True] * 2, run.out
    assert cause in re.sub(r"\n\s*", " ", run.out)
    assert "Traceback" not in run.out
    assert server.calls == 0
    assert run.calls["made"] == 0


@pytest.mark.parametrize("moment", ["papillon/models/served/watch.py", ENGINE])
def test_ctrl_c_during_a_start_ends_all_within_five_seconds(starting: Starting, moment: str) -> None:
    starting.until(moment)
    began = time.monotonic()
    os.killpg(starting.run.pid, signal.SIGINT)
    out, _ = starting.run.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert starting.run.returncode == 2, out
    assert "Run the same command again to go on" in out
    assert "Traceback" not in out
    assert not starting.started.left()
    assert seconds < 5


def test_a_run_that_is_killed_during_a_start_leaves_no_process(starting: Starting) -> None:
    starting.until(ENGINE)
    starting.run.kill()
    starting.run.wait(30)
    assert starting.started.ended(15), starting.started.left()


def test_a_run_that_is_killed_while_vllm_serves_leaves_no_process(starting: Starting) -> None:
    starting.until(ENGINE)
    assert until(lambda: starting.others.calls, PATIENCE)  # with what vLLM wrote
    starting.run.kill()
    starting.run.wait(30)
    assert starting.started.ended(15), starting.started.left()


def test_an_engine_that_is_killed_while_vllm_serves_ends_the_run_with_a_sentence(starting: Starting) -> None:
    starting.until(ENGINE)
    assert until(lambda: starting.others.calls, PATIENCE)
    engine = starting.started.has(ENGINE)
    assert engine is not None
    os.kill(engine, signal.SIGKILL)
    starting.others.holds = lambda number: False
    out, _ = starting.run.communicate(timeout=PATIENCE)
    assert starting.run.returncode == 1, out
    assert re.search(r"vllm serve for vllm/\S+ ended with status \d+ while it served", re.sub(r"\n\s*", " ", out)), out
    assert "Traceback" not in out
    assert not starting.started.left()
