"""The recorded calls in fixtures/: what the embedded profile asks; every pull request is judged by them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from papillon.data import load
from papillon.profile import ROOT
from tests.harness.runs import Evaluator

CALLS = ROOT / "fixtures" / "recorded" / "embedded-mini.jsonl.gz"
SMALL = 500_000


def test_they_are_small_and_of_the_model_that_ships() -> None:
    assert CALLS.stat().st_size < SMALL
    with gzip.open(CALLS, "rt", encoding="utf-8") as file:
        calls = [json.loads(line)["record"]["call"] for line in file]
    assert {call["model"] for call in calls} == {"embedded/SmolLM2-135M-Instruct"}


@pytest.mark.slow
@pytest.mark.parametrize("split", ["dev", "test"])
def test_they_are_all_that_a_strict_replay_needs(tmp_path: Path, split: str) -> None:
    evaluator = Evaluator(tmp_path)
    run = evaluator.run("evals", "-m", split, "--eval-record", "none", "--eval-import", str(CALLS))
    assert run.code == 0, run.out
    assert (run.calls["made"], len(run.rows)) == (0, len(load("mini").rows) // 3)
