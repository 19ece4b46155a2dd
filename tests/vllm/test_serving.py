"""A model that vLLM serves is evaluated."""

from __future__ import annotations

from collections.abc import Callable

from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

Profiled = Callable[..., tuple[Evaluator, str]]


def test_it_is_evaluated(profiled: Profiled) -> None:
    with ModelServer() as server:
        evaluator, profile = profiled(server)
        run = evaluator.run("evals", "-m", "dev", "--eval-limit", "2", profile, timeout=900)
    assert [row["status"] for row in run.rows if row["status"] == "infrastructure_error"] == [], run.out
    assert len(run.rows) == 2, run.out
