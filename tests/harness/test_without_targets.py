"""A run over data without targets: leakage is scored and gated, and no view says anything of quality."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.harness.reports.example import PRIVATE
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

ROWS = "user_query,pii_units\n" + "".join(f"I am Ann {n} and ask for a poem.,Ann {n}\n" for n in range(12))
WITH = "user_query,pii_units,target_response\n" + "".join(
    f"I am Ann {n} and ask for a poem.,Ann {n},A poem.\n" for n in range(12)
)
GATES = "[gates.dev]\nleakage = { max = 1.0 }\ncarried = { min = 0 }\n"
OF_TARGETS = ("quality", "verdict", "overall", "tutorial_overall")


@pytest.fixture
def evaluator(tmp_path: Path) -> Evaluator:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "with.csv").write_text(WITH)
    return Evaluator(tmp_path)


def papillon(evaluator: Evaluator, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "papillon", *words, "--runs", str(evaluator.runs)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=evaluator.environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def evaluated(evaluator: Evaluator, server: ModelServer, *more: str, gates: str = GATES, **keys: Any) -> Any:
    own = {"dataset": '"rows.csv"', "split": '"all"', "targets": "false", "controls": "true", **keys}
    profile = str(evaluator.profile(server.base, gates=gates, **own))
    return evaluator.run("evals", "-m", "dev", "--eval-profile", profile, *more)


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["llm", "lexical"])
def test_leakage_is_scored_and_gated_and_every_view_keeps_silent_on_quality(evaluator: Evaluator, judge: str) -> None:
    page, summary = evaluator.folder / "page.html", evaluator.folder / "summary.md"
    with ModelServer() as server:
        keys = {} if judge == "llm" else {"judge": '{ kind = "lexical" }'}
        files = ("--eval-report", str(page), "--eval-summary", str(summary))
        run = evaluated(evaluator, server, *files, **keys)
        before = server.calls
        again = evaluated(evaluator, server, **keys)
        assert server.calls == before
    assert run.results is not None
    assert run.results["run"]["targets"] is False
    assert len(run.rows) == 12
    assert all(row[name] is None for row in run.rows for name in OF_TARGETS)
    assert all(row["leakage"] is not None for row in run.rows)
    assert {control["name"] for control in run.results["controls"]} == {"empty", "verbatim", "redacted"}
    assert {control["name"]: control["verdict"] for control in run.results["controls"]}["empty"] == "pass"
    assert all(control["quality"] is control["overall"] is None for control in run.results["controls"])
    assert run.verdicts() == {"dev-leakage": "pass", "dev-carried": "inconclusive", "dev-errors": "pass"}
    assert again.same() == run.same()
    assert "Without targets (targets = false) nothing is said of quality" in run.out
    remark = "nothing is said of quality"
    views = [run.out, summary.read_text(), papillon(evaluator, "show"), papillon(evaluator, "show", run.rows[0]["id"])]
    for text in views:
        said = " ".join(text.split()).replace(remark, "").replace("quality, verdict, overall and joint are not", "")
        assert not re.search(r"quality|qual\.|overall|joint|\bNone\b", said.replace(PRIVATE, "")), said
    shown = papillon(evaluator, "show", run.rows[0]["id"])
    assert "Answer" in shown
    assert "\nTarget" not in shown
    data = json.loads(page.read_text().split('id="rows">')[1].split("</script>")[0])
    place = data["fields"].index("overall")
    assert all(row[place] is None for row in data["rows"])
    assert "Quality and leakage" not in page.read_text()
    history = papillon(evaluator, "history")
    assert "–" in history
    assert papillon(evaluator, "runs")


@pytest.mark.slow
def test_a_run_without_targets_stands_beside_one_with(evaluator: Evaluator) -> None:
    lexical = {"judge": '{ kind = "lexical" }', "dataset": '"with.csv"', "controls": "false"}
    with ModelServer() as server:
        assert evaluated(evaluator, server, gates="", targets="true", **lexical).results["run"]["targets"] is True
        run = evaluated(evaluator, server, gates="", **lexical)
    assert all(row["quality"] is None for row in run.rows)
    compared = papillon(evaluator, "compare")
    assert "targets: yes → no" in " ".join(compared.split())
    assert "No example of dev flipped." in compared
    lines = [line for line in compared.splitlines() if line.startswith(("quality", "overall", "joint", "leakage"))]
    assert [line.split()[0] for line in lines] == ["leakage"]


@pytest.mark.slow
def test_accepted_scores_hold_leakage_and_a_regression_compares_that(evaluator: Evaluator) -> None:
    baseline = evaluator.folder / "accepted.json"
    gates = f'[gates.dev]\nregression = {{ baseline = "{baseline}", max_unproven_drop = 0.3 }}\n'
    lexical = {"judge": '{ kind = "lexical" }', "controls": "false"}
    with ModelServer() as server:
        accepting = evaluated(evaluator, server, "--eval-accept", gates=gates, **lexical)
        run = evaluated(evaluator, server, gates=gates, **lexical)
    assert "Accepted" in accepting.out
    rows = json.loads(baseline.read_text())["rows"]["dev"]
    assert set(rows[0]) == {"id", "trial", "leakage", "verbatim_leakage", "errors"}
    assert run.code == 0, run.out
    assert run.verdicts() == {"dev-errors": "pass", "dev-leakage": "pass"}


def test_a_users_row_without_a_target_is_an_error_where_targets_are_asked_for(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        run = evaluated(evaluator, server, targets="true")
    assert run.code == 4
    assert "add target_response, or evaluate without targets (targets = false in the profile)." in " ".join(
        run.out.split()
    )


@pytest.mark.parametrize("command", [("train", "--device", "cpu"), ("optimize", "--optimizer", "gepa")])
def test_nothing_is_learned_without_targets(evaluator: Evaluator, command: tuple[str, ...]) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(server.base, targets="false", gates="")
    done = subprocess.run(
        [sys.executable, "-m", "papillon", *command, "--profile", str(profile)],
        capture_output=True,
        text=True,
        check=False,
        env=evaluator.environment(),
    )
    assert done.returncode == 4
    assert "Expected targets to learn from, got targets = false" in done.stderr
