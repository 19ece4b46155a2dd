"""A user's own file under pytest: every row in the one split that is asked for, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.data import load
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

ROWS = "user_query;target_response;pii_units\n" + "".join(f"I am Ann {n}.;Hello;Ann {n}\n" for n in range(6))


@pytest.fixture
def evaluator(tmp_path: Path) -> Evaluator:
    (tmp_path / "rows.csv").write_text(ROWS)
    return Evaluator(tmp_path)


@pytest.mark.slow
def test_all_evaluates_every_row_and_not_beside_scores_of_another_split(evaluator: Evaluator) -> None:
    gates = "[gates.dev]\nleakage = { max = 1.0 }\n"
    with ModelServer() as server:
        own = {"dataset": '"rows.csv"', "judge": '{ kind = "lexical" }'}
        profile = str(evaluator.profile(server.base, gates=gates, **own))
        grouped = str(evaluator.folder / "grouped.json")
        assert evaluator.run(
            "evals", "-m", "dev", "--eval-profile", profile, "--eval-baseline", grouped, "--eval-accept"
        ).code in (0, 1)
        assert Path(grouped).is_file()

        evaluator.profile(server.base, gates=gates, split='"all"', **own)
        run = evaluator.run("evals", "-m", "dev", "--eval-profile", profile)
        assert [row["id"] for row in run.rows] == [
            f"dev-{place:04d}-{row.digest[:8]}" for place, row in enumerate(load(evaluator.folder / "rows.csv").rows)
        ]
        assert run.results is not None
        assert run.results["run"]["dataset"]["split"] == "all"
        assert "contaminated" not in run.out

        before = server.calls
        refused = evaluator.run("evals", "-m", "dev", "--eval-profile", profile, "--eval-baseline", grouped)
        assert refused.code == 4
        assert "Baseline grouped.json belongs to split grouped, but this run has all; " in refused.out
        assert server.calls == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "bad.jsonl",
            '{"user_query": "\\ud800", "target_response": "t", "pii_units": ""}\n',
            "row 1, line 1, column user_query, got half of a character (the surrogate U+D800)",
        ),
        ("bad.csv", "User_Query ;target_response;pii_units\nq;t;u\n", "rename 'User_Query ' to user_query."),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_4_and_no_call(
    evaluator: Evaluator, name: str, content: str, said: str
) -> None:
    file = evaluator.folder / name
    file.write_text(content)
    with ModelServer() as server:
        profile = evaluator.profile(server.base)
        run = evaluator.run("evals", "-m", "dev", "--eval-profile", str(profile), "--eval-dataset", str(file))
        assert run.code == 4
        assert said in " ".join(run.out.split())
        assert "Traceback" not in run.out
        assert server.calls == 0
