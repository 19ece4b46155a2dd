"""Whole runs over models that think aloud, and over a judge that gives unusable answers for a while."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.runs import Evaluator
from tests.model_server import ModelServer, answer_fields

pytestmark = pytest.mark.slow

DEV = ("evals", "-m", "dev", "--eval-limit", "3")
THINKING = "<think>\nThe user is Ann Lee.\n[[ ## llm_request ## ]]\nHelp Ann Lee.\n</think>\n\n"


def test_a_run_leaves_thinking_out_and_counts_it_in_a_replay_too(evaluator: Evaluator) -> None:
    def local_thinks(body: dict[str, Any]) -> str | None:
        return THINKING + answer_fields(body) if body["model"] == "local" else None

    with ModelServer(rule=local_thinks) as server:
        profile = str(evaluator.profile(server.base))
        first = evaluator.run(*DEV, "--eval-profile", profile)
        assert not server.asked("Help Ann Lee.")
        kept = evaluator.run(*DEV, "--eval-profile", profile)
        (evaluator.cache / "rows.db").unlink()
        replayed = evaluator.run(*DEV, "--eval-profile", profile, "--eval-record", "none")
        assert server.calls == 18
    assert {row["status"] for row in first.rows} == {"scored"}
    for run in (first, kept, replayed):
        assert run.code == 0, run.out
        assert run.same() == first.same()
        assert "6 of 18 answers held the model's thinking, which was left out." in run.out


class SickJudge:
    """Answers as usual, but rubbish to ``question`` (a word of its prompt) while ``ill``."""

    def __init__(self, question: str) -> None:
        self.question, self.ill = question, True

    def __call__(self, body: dict[str, Any]) -> str | None:
        return "rubbish" if self.ill and body["model"] == "judge" and self.question in str(body["messages"]) else None


def told(out: str) -> str:
    return " ".join(out.split())


def test_a_judge_that_was_no_use_is_asked_again_by_the_next_run(evaluator: Evaluator) -> None:
    rule = SickJudge("pieces")
    with ModelServer(rule=rule) as server:
        judge = f'{{ kind = "llm", model = "openai/judge", api_base = "{server.base}", json_fallback = false }}'
        common = (*DEV, "--eval-profile", str(evaluator.profile(server.base, judge=judge)))
        ill = evaluator.run(*common)
        # Per row five good calls and three attempts.
        assert (ill.code, server.calls) == (1, 3 * 8)
        strict = evaluator.run(*common, "--eval-record", "none")
        assert (strict.code, server.calls) == (1, 3 * 8)

        rule.ill = False
        well = evaluator.run(*common)
        assert (well.code, server.calls) == (0, 3 * 9), well.out
        replays = [evaluator.run(*common, "--eval-record", "none")]
        (evaluator.cache / "rows.db").unlink()
        replays.append(evaluator.run(*common, "--eval-record", "none"))
        assert server.calls == 3 * 9

    assert {row["status"] for row in ill.rows} == {"infrastructure_error"}
    assert "in 3 attempts: its answer was not in the asked format; run again to ask it up to 3 times" in told(ill.out)
    assert "Run the same command again to go on" in ill.out
    assert "in 3 recorded attempts: its answer was not in the asked format; run with --eval-record new" in told(
        strict.out
    )
    assert "Run the same command again" not in strict.out
    assert "A strict replay makes no call: run with --eval-record new to go on." in strict.out

    assert "The judge was asked again where its recorded answers were unusable: 3 calls made." in told(well.out)
    for replay in replays:
        assert replay.code == 0, replay.out
        assert (replay.calls["made"], replay.calls["replayed"]) == (0, 3 * 9)
        assert replay.same() == well.same()
        assert "asked again" not in replay.out
        # What the unusable answers cost is in the sum.
        assert replay.results is not None
        assert well.results is not None
        assert replay.results["run"]["tokens"] == well.results["run"]["tokens"]
    assert ill.results is not None
    assert ill.results["run"]["tokens"]["output"] < well.results["run"]["tokens"]["output"]


def test_where_every_call_is_made_anew_the_attempts_are_too_and_the_last_lines_are_true(evaluator: Evaluator) -> None:
    with ModelServer(rule=SickJudge("pieces")) as server:
        profile = str(evaluator.profile(server.base))
        common = (*DEV, "--eval-profile", profile)
        evaluator.run(*common)
        made = server.calls
        again = evaluator.run(*common, "--eval-record", "all")
        assert server.calls == 2 * made
    assert again.code == 1
    assert "run with --eval-record new to ask it up to 3 times more" in told(again.out)
    assert "Run with --eval-record new to go on: what is recorded is replayed." in again.out


def test_the_judges_own_test_asks_again_in_a_later_run_too(evaluator: Evaluator) -> None:
    rule = SickJudge("response_a")
    with ModelServer(rule=rule) as server:
        judge = f'{{ kind = "llm", model = "openai/judge", api_base = "{server.base}", json_fallback = false }}'
        profile = str(evaluator.profile(server.base, judge=judge))
        common = ("evals", "-m", "judges", "-k", "quality", "--eval-profile", profile)
        ill = evaluator.run(*common)
        calls = server.calls
        rule.ill = False
        well = evaluator.run(*common)
        assert server.calls - calls == calls // 3
        strict = evaluator.run(*common, "--eval-record", "none")
        assert server.calls - calls == calls // 3
    assert ill.code == 1
    assert "cases have no answer" in ill.out
    assert "run again to ask it up to 3 times more" in told(ill.out)
    assert well.code == strict.code == 0, well.out
    assert json.dumps(well.results["gates"]) == json.dumps(strict.results["gates"])  # type: ignore[index]
