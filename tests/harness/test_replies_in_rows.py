"""What a server sends in place of an answer, and what its example's row says of it, also when it is replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papillon.results.rows import Row
from tests.harness.test_evaluation_with_models import sample, served
from tests.misbehaviour import MISBEHAVIOURS
from tests.model_server import ModelServer


def rows(cache: Path, model: str, name: str, runs: int = 2) -> list[Row]:
    """The example's row of each run, while ``model`` misbehaves by that name; what was answered is replayed."""
    with ModelServer(failing=_only(model, name)) as server:
        found = []
        for _ in range(runs):
            with served(server, cache, endpoint="here") as models:
                found.append(sample(models).row)
        return found


def _only(model: str, name: str) -> Any:
    def misbehave(body: dict[str, Any], number: int) -> Any:
        reply = MISBEHAVIOURS[name](body, number) if body["model"] == model else None
        return None if reply is None else (reply.status, dict(reply.headers), reply.raw.decode())

    return misbehave


@pytest.mark.parametrize("name", ["filtered", "flagged", "withheld"])
@pytest.mark.parametrize("model", ["local", "untrusted"])
def test_a_filter_is_a_program_error_of_its_row_alone(tmp_path: Path, model: str, name: str) -> None:
    first, second = rows(tmp_path, model, name)
    assert first.status == second.status == "program_error"
    assert (first.error or "").startswith("filtered: ")
    assert first.error == second.error


def test_a_judges_filter_is_no_score(tmp_path: Path) -> None:
    for name in ("filtered", "withheld"):
        (row,) = rows(tmp_path / name, "judge", name, runs=1)
        assert row.status == "infrastructure_error"
        assert "filter" in (row.error or "")


@pytest.mark.parametrize(
    ("name", "said"),
    [("tool-calls", "the local model answered with tool calls and no text"),
     ("reasoning-alone", "the local model answered with only its reasoning and no text")],
)  # fmt: skip
def test_an_answer_without_text_says_what_it_is(tmp_path: Path, name: str, said: str) -> None:
    for row in rows(tmp_path, "local", name):
        assert row.status == "program_error"
        assert said in (row.error or "")


@pytest.mark.parametrize("name", ["parts", "reasoning-apart", "lone-surrogate", "end-turn"])
def test_answers_in_other_shapes_are_answers(tmp_path: Path, name: str) -> None:
    for row in rows(tmp_path, "untrusted", name):
        assert row.status == "scored"


def test_a_prompt_that_does_not_fit_is_a_program_error(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "local", "too-long", runs=1)
    assert row.status == "program_error"
    assert "did not fit" in (row.error or "")
