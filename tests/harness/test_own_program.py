"""A program of the user's own in whole runs: evaluated beside its controls, with and without workers, replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.harness.command_line import EVALS
from tests.harness.runs import EvalRun, Evaluator, alone_and_with_workers
from tests.model_server import ModelServer

PROGRAM = """
import os
import dspy
from papillon import response_text

open(f"imported-{os.getpid()}", "w").close()

def passed(text):
    return text.upper()

class Own(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.untrusted_model = untrusted_model
        self.answer = dspy.Predict("user_query, advice -> response")

    def forward(self, user_query):
        print("PRINTED", user_query)
        advice = response_text(self.untrusted_model(passed(user_query)))
        return self.answer(user_query=user_query, advice=advice)

class Raises(Own):
    def forward(self, user_query):
        raise KeyError(user_query)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with a program in it; runs are started there."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(PROGRAM)
    return folder


def evaluated(evaluator: Evaluator, mine: Path, *arguments: str, program: str = "mine:Own") -> EvalRun:
    named = ("--eval-profile", str(evaluator.folder / "profile.toml"), "--eval-program", program)
    return evaluator.run(str(EVALS), "-m", "dev", "--eval-limit", "3", *named, *arguments, cwd=mine)


@pytest.mark.slow
@alone_and_with_workers
def test_it_is_evaluated_beside_its_controls_and_replayed(
    evaluator: Evaluator, mine: Path, workers: tuple[str, ...]
) -> None:
    with ModelServer() as server:
        evaluator.profile(server.base, controls="true", judge='{ kind = "lexical" }')
        first = evaluated(evaluator, mine, *workers)
        calls = server.calls
        again = evaluated(evaluator, mine, *workers, "--eval-record", "none")
        assert server.calls == calls
    assert first.results is not None, first.out
    assert again.results is not None, again.out
    assert {row["status"] for row in first.rows} == {"scored"}, first.rows
    # It shouts all that it is asked: what stands in a query has leaked.
    assert all(row["leaked"] == row["units"] for row in first.rows if row["units"])
    assert first.results["run"]["program"]["path"] == "mine:Own"
    assert {each["name"] for each in first.results["controls"]} >= {"empty", "verbatim", "redacted", "target"}
    assert first.same() == again.same()
    assert "PRINTED" not in first.out
    # Once a run, in the process that owns it.
    assert len(list(mine.glob("imported-*"))) == 2
    assert "--eval-program=mine:Own" in first.out.replace(" \\\n  ", " ")


@pytest.mark.slow
def test_a_change_of_what_it_is_made_of_is_another_program(evaluator: Evaluator, mine: Path) -> None:
    with ModelServer() as server:
        evaluator.profile(server.base, judge='{ kind = "lexical" }')
        first = evaluated(evaluator, mine)
        (mine / "mine.py").write_text(PROGRAM.replace("text.upper()", "'A question.'"))
        other = evaluated(evaluator, mine)
    assert first.results is not None
    assert other.results is not None, other.out
    prints = [run.results["run"]["program"]["fingerprint"] for run in (first, other) if run.results]
    assert prints[0] != prints[1]
    assert sum(row["leaked"] for row in other.rows) == 0 < sum(row["leaked"] for row in first.rows)


@pytest.mark.slow
def test_what_it_raises_is_a_program_error_without_its_text(evaluator: Evaluator, mine: Path) -> None:
    with ModelServer() as server:
        evaluator.profile(server.base, judge='{ kind = "lexical" }')
        run = evaluated(evaluator, mine, program="mine:Raises")
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"program_error"}
    assert {row["error"] for row in run.rows} == {"The program raised KeyError (mine.py, line 24)."}
    (traces,) = evaluator.runs.glob("*/traces.jsonl")
    texts = [json.loads(line)["query"] for line in traces.read_text().split("\n")[:-1]]
    assert all(text[:40] not in run.out for text in texts)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("nowhere:Own", "--eval-program nowhere:Own: expected a module nowhere, got none in the environment or in "),
        ("mine:Owm", "mine:Owm: expected a class Owm in "),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(evaluator: Evaluator, mine: Path, program: str, said: str) -> None:
    evaluator.profile("http://127.0.0.1:1/v1", judge='{ kind = "lexical" }')
    run = evaluated(evaluator, mine, program=program)
    assert run.code == 4
    assert said in run.out
    assert "Traceback" not in run.out


def test_a_profile_of_a_file_may_not_name_one(evaluator: Evaluator, mine: Path) -> None:
    evaluator.profile("http://127.0.0.1:1/v1", program='"mine:Own"')
    run = evaluator.run(str(EVALS), "-m", "dev", "--eval-profile", str(evaluator.folder / "profile.toml"), cwd=mine)
    assert run.code == 4
    assert "name a class in pyproject.toml or --eval-program, got the string 'mine:Own'." in run.out
