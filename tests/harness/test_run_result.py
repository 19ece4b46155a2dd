"""A run as a value: for what is known so far, and the same as the file that it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.harness.run_result import run_result
from papillon.data import load
from papillon.program import PAPILLON, save_program
from papillon.results import read_result
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.test_run import made
from tests.model_server import ModelServer

ROLES = ("local", "untrusted")


def test_before_it_begins_a_run_has_no_rows_and_no_verdicts(tmp_path: Path) -> None:
    found = run_result(made(tmp_path))
    assert (found.rows, found.gates, found.controls, found.judge) == ((), (), (), ())
    assert [split.selected for split in found.splits] == [20]
    assert (found.run.begun, found.run.finished, found.complete, found.clean) == (False, None, False, False)
    assert found.run.dataset.sizes == {"dev": 20, "test": 20}


def test_a_run_under_way_has_the_rows_that_are_there_and_no_verdict_before_the_last(tmp_path: Path) -> None:
    with ModelServer() as server:
        served = {role: f'{{ model = "openai/{role}", api_base = "{server.base}" }}' for role in ROLES}
        judge = f'{{ kind = "llm", model = "openai/judge", api_base = "{server.base}" }}'
        run = made(tmp_path, **served, judge=judge, concurrency="1")
        first = run.answer({"ask": "example", "id": run.examples["dev"][0].id})["rows"]
        found = run_result(run)
        run.close()
    assert json.loads(json.dumps([row.to_json() for row in found.rows[:1]])) == first
    assert len(found.rows) < 20
    assert (found.gates, found.complete) == ((), False)
    over = run_result(run)
    assert len(over.rows) == 20
    assert over.run.finished is not None


@pytest.mark.slow
@alone_and_with_workers
def test_the_file_is_the_run_and_holds_no_text_of_a_row(evaluator: Evaluator, workers: tuple[str, ...]) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base, controls='true')}"
        run = evaluator.run("evals", "-m", "dev", *workers, profile, "--eval-limit", "3")
    assert run.code in (0, 1), run.out
    found = read_result(evaluator.folder / "results.json")
    assert found.to_json() == run.results
    assert found.exit_code == run.code
    assert [control.name for control in found.controls] == ["empty", "verbatim", "redacted", "local-only", "target"]
    assert found.agreement is not None
    assert found.agreement.rows == 3
    assert [gain.split for gain in found.gains] == ["dev"]
    text = found.to_text()
    for example in load("mini").rows:
        assert not any(part in text for part in (example.user_query[:60], example.target_response[:60]))


@pytest.mark.parametrize("below", [True, False])
def test_a_programs_file_is_named_as_one_types_it_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: bool
) -> None:
    saved = tmp_path / "prompts" / "saved.json"
    saved.parent.mkdir()
    save_program(PAPILLON(untrusted_model=str), saved)
    run = made(tmp_path, program='"prompts/saved.json"')
    monkeypatch.chdir(tmp_path if below else "/")
    assert run_result(run).run.program.path == ("prompts/saved.json" if below else str(saved.relative_to("/")))
