"""A run that cannot start leaves nothing open, and the process as it was."""

from __future__ import annotations

import gc
import logging
import threading
from pathlib import Path

import pytest

from evals.harness.evaluation.subjects import Subjects
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.run import Run
from evals.harness.selection import Selection
from papillon.errors import UsageError
from tests.harness.runs import Evaluator


def made(folder: Path, **changed: str) -> Run:
    given = {option.dest: None for option in OPTIONS} | {
        "eval_profile": str(Evaluator(folder).profile("http://127.0.0.1:9/v1", **changed)),
        "eval_cache": str(folder / "cache"),
        "eval_runs": str(folder / "runs"),
    }
    plan = Plan(resolve(given, folder))
    ids = [f"evals/test_examples.py::test_example[{example.id}]" for example in plan.examples["dev"]]
    return Run(plan, Selection(ids, plan))


def process_state() -> list[object]:
    levels = [logging.getLogger(name).level for name in ("dspy", "papillon.program")]
    loops = [thread for thread in threading.enumerate() if thread.name == "papillon-models"]
    return [levels, loops, gc.isenabled(), gc.get_threshold()]


def test_a_key_that_is_missing_leaves_no_model_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = process_state()
    run = made(tmp_path, untrusted='{ model = "openai/untrusted" }')
    with pytest.raises(UsageError, match="OPENAI_API_KEY, which is not set"):
        run.prepare()
    assert process_state() == before
    assert list((tmp_path / "runs").glob("*")) == []


def test_what_fails_when_all_is_open_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(subjects: Subjects) -> str:
        raise ZeroDivisionError("a fault")

    before = process_state()
    monkeypatch.setattr(Subjects, "fingerprint", property(fails))
    with pytest.raises(ZeroDivisionError):
        made(tmp_path).prepare()
    assert process_state() == before


def test_a_run_that_nobody_asked_lets_go_of_its_models_unasked(tmp_path: Path) -> None:
    before = process_state()
    run = made(tmp_path)
    run.prepare()
    assert process_state() != before
    run.close()
    assert process_state() == before
    assert {row.status for row in run.rows("dev")} == {"infrastructure_error"}
    assert run.ledger.made == run.ledger.failed == 0
