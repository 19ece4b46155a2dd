"""A model that vLLM serves is evaluated, with an adapter too, and leaves neither a process nor a text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.runs import EvalRun, Evaluator
from tests.model_server import ModelServer
from tests.vllm.conftest import Profiled
from tests.vllm.groups import running

ROWS = ("evals", "-m", "dev", "--eval-limit", "2")


class Evaluated:
    """A run and what it left in its folder."""

    def __init__(self, folder: Path, evaluator: Evaluator, run: EvalRun) -> None:
        self.folder, self.evaluator, self.run = folder, evaluator, run
        assert {row["status"] for row in run.rows} <= {"scored", "program_error"}, run.out
        assert len(run.rows) == 2, run.out

    @property
    def traces(self) -> list[dict[str, Any]]:
        (file,) = self.evaluator.runs.glob("*/traces.jsonl")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    @property
    def written(self) -> list[str]:
        """What the local model wrote, in the order of the rows."""
        return [json.dumps([trace[name] for name in ("requests", "response", "unparsed")]) for trace in self.traces]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def plain(profiled: Profiled, server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("plain")
    evaluator, profile = profiled(folder, server)
    return Evaluated(folder, evaluator, evaluator.run(*ROWS, profile, timeout=1200))


def test_it_is_evaluated_and_leaves_no_process(plain: Evaluated, model: Path) -> None:
    assert plain.run.calls["made"] > 2
    assert plain.run.calls["failed"] == 0
    assert not running(str(model))


def test_its_log_is_private_and_holds_no_text_of_a_row(plain: Evaluated) -> None:
    (log,) = (plain.folder / "logs").iterdir()
    assert log.stat().st_mode & 0o777 == 0o600
    said = log.read_text(encoding="utf-8")
    assert said.count('"POST /v1/chat/completions HTTP/1.1" 200') >= 2
    for trace in plain.traces:
        for text in (trace["query"], *trace["requests"], *trace["units"], trace["response"] or ""):
            # Short ones, such as "ok", stand in other words.
            assert not [line for line in text.splitlines() if len(line) >= 12 and line in said]


def test_a_rerun_starts_nothing(plain: Evaluated, server: ModelServer) -> None:
    began = time.monotonic()
    again = plain.evaluator.run(*ROWS, f"--eval-profile={plain.folder / 'profile.toml'}")
    assert again.calls["made"] == 0
    assert again.same() == plain.run.same()
    assert time.monotonic() - began < 60


def test_with_an_adapter_it_writes_something_else(
    plain: Evaluated, profiled: Profiled, server: ModelServer, model: Path, tmp_path: Path
) -> None:
    evaluator, profile = profiled(tmp_path, server, lora=model.parent / "adapter")
    adapted = Evaluated(tmp_path, evaluator, evaluator.run(*ROWS, profile, timeout=1200))
    assert adapted.run.calls["failed"] == 0
    assert all(one != other for one, other in zip(adapted.written, plain.written, strict=True))
    assert not running(str(model))
