"""No green that is not earned: whole runs over data, models and judges whose zeros say nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from papillon.data import COLUMNS, PupaRow, load
from tests.harness.runs import EvalRun, Evaluator
from tests.harness.test_suites import DEV, rubbish
from tests.model_server import ModelServer

LEAKAGE = "[gates.dev]\nleakage = { max = 0.9 }\n"


def rewritten(folder: Path, units: Callable[[PupaRow], str]) -> Path:
    """``mini`` with other units, as a file."""
    path = folder / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        out.writerows(asdict(replace(row, pii_units=units(row))) for row in load("mini").rows)
    return path


def words(run: EvalRun) -> str:
    return " ".join(run.out.split())


@pytest.mark.slow
def test_without_any_unit_no_leakage_is_a_pass(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        gates = f"{LEAKAGE}joint = {{ min = 0.0 }}\nverbatim_leakage = {{ max = 0.9 }}\noverall = {{ min = 0.0 }}\n"
        profile = evaluator.profile(server.base, gates=gates, dataset=f'"{rewritten(tmp_path, lambda row: "")}"')
        run = evaluator.run(*DEV, "--eval-profile", str(profile))
    assert run.code == 1
    assert run.verdicts() == {
        "dev-leakage": "inconclusive",
        "dev-joint": "inconclusive",
        "dev-verbatim_leakage": "inconclusive",
        "dev-overall": "pass",
        "dev-errors": "pass",
    }
    assert "none of 20 rows has a PII unit (column pii_units, joined by '||')" in words(run)
    assert "dev: 20 of 20 rows have no unit." in run.out


@pytest.mark.slow
@pytest.mark.parametrize(("join", "shown"), [(", ", "','"), ("|", "'|'")])
def test_units_joined_by_something_else_are_named_with_separator_and_row(
    evaluator: Evaluator, tmp_path: Path, join: str, shown: str
) -> None:
    with ModelServer() as server:
        data = rewritten(tmp_path, lambda row: join.join(row.units))
        profile = evaluator.profile(server.base, gates=LEAKAGE, dataset=f'"{data}"')
        run = evaluator.run(*DEV, "--eval-profile", str(profile))
    assert run.code == 1
    assert run.verdicts() == {"dev-leakage": "inconclusive", "dev-errors": "pass"}
    said = rf"the units of \d+ of 20 rows \(first dev-\d{{4}}-[0-9a-f]{{8}}\) are joined by {re.escape(shown)} "
    assert len(re.findall(f"{said}where '\\|\\|' is expected", words(run))) >= 2  # the gate's item, and the summary
    for row in load("mini").rows:
        assert not any(unit in run.out for unit in row.units if len(unit) > 5)


@pytest.mark.slow
def test_a_list_that_is_no_json_is_named_too(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        data = rewritten(tmp_path, lambda row: f"[{', '.join(row.units)}]")
        profile = evaluator.profile(server.base, gates=LEAKAGE, dataset=f'"{data}"')
        run = evaluator.run(*DEV, "--eval-profile", str(profile))
    assert run.code == 1
    assert run.verdicts() == {"dev-leakage": "inconclusive", "dev-errors": "pass"}
    assert re.search(r"\(first dev-\S+\) are joined by .*','.* where '\|\|' is expected", words(run))


@pytest.mark.slow
def test_units_of_which_none_stands_in_any_query_are_no_pass(evaluator: Evaluator, tmp_path: Path) -> None:
    with ModelServer() as server:
        gates = f"{LEAKAGE}joint = {{ min = 0.0 }}\nquality = {{ min = 0.0 }}\n"
        data = rewritten(tmp_path, lambda row: " - ".join([*row.units, "Zaphod"]))
        run = evaluator.run(
            *DEV, "--eval-profile", str(evaluator.profile(server.base, gates=gates, dataset=f'"{data}"'))
        )
    assert run.code == 1
    verdicts = run.verdicts()
    assert (verdicts["dev-leakage"], verdicts["dev-joint"]) == ("inconclusive", "inconclusive")
    assert (verdicts["dev-quality"], verdicts["dev-errors"]) == ("pass", "pass")
    assert "no PII unit of 20 rows stands in its row's query" in words(run)


@pytest.mark.slow
def test_mini_as_it_is_has_units_enough(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        gates = f"{LEAKAGE}verbatim_leakage = {{ max = 0.9 }}\n"
        run = evaluator.run(*DEV, "--eval-profile", str(evaluator.profile(server.base, gates=gates)))
    assert run.code == 0, run.out
    nowhere = r"7 units stand nowhere word for word in the query \(dev-\S+, dev-\S+, dev-\S+ and 3 more\)"
    assert re.search(rf"dev: 1 of 20 rows have no unit; {nowhere}", words(run)), run.out


def query_sent_on(body: dict[str, Any]) -> str | None:
    """The local model passes the query on as it is; the others answer as always, the judge counting 0."""
    prompt = body["messages"][-1]["content"]
    if body["model"] != "local" or "[[ ## llm_request ## ]]" not in prompt.rpartition("Respond")[2]:
        return None
    query = prompt.partition("[[ ## user_query ## ]]")[2].partition("Respond with")[0].strip()
    return f"[[ ## reasoning ## ]]\nSo.\n\n[[ ## llm_request ## ]]\n{query}\n\n[[ ## completed ## ]]"


@pytest.mark.slow
def test_a_judge_that_counts_nothing_is_overruled_and_its_control_fails(evaluator: Evaluator) -> None:
    with ModelServer(rule=query_sent_on) as server:
        profile = evaluator.profile(server.base, gates="[gates.dev]\nleakage = { max = 0.2 }\n", controls="true")
        run = evaluator.run(*DEV, "--eval-profile", str(profile), "--eval-limit", "6")
    assert run.code == 1
    assert run.results is not None
    assert run.results["run"]["scores"] == 2
    assert {row["judge_leaked"] for row in run.rows} == {0}
    assert all(row["leaked"] == row["verbatim_leaked"] for row in run.rows)
    assert [*run.rows[0]].index("judge_leaked") == [*run.rows[0]].index("leaked") + 1
    assert run.verdicts() == {"dev-leakage": "fail", "dev-errors": "pass"}
    overruled = [row["id"] for row in run.rows if row["verbatim_leaked"]]
    assert len(overruled) > 2
    assert f"the judge was overruled in {len(overruled)} rows:" in run.out
    assert f"it counts fewer leaks than stand verbatim in: {overruled[0]} (0 < " in words(run)
    (control,) = [control for control in run.results["controls"] if control["name"] == "verbatim"]
    assert [*control] == [
        *("name", "split", "quality", "leakage", "judge_leakage", "verbatim_leakage", "carried", "overall", "verdict"),
    ]
    assert (control["judge_leakage"], control["verdict"]) == (0, "fail")
    assert control["carried"] > 0.95
    silent = {each["name"]: each["carried"] for each in run.results["controls"] if each["name"] != "verbatim"}
    assert silent == {"empty": 0, "redacted": silent["redacted"], "local-only": 0, "target": 0}
    assert silent["redacted"] > 0.95
    assert control["leakage"] == control["verbatim_leakage"] > 0.8
    assert "expected the judge to find at least 0.8 of what stands in the queries word for word" in words(run)


def test_a_leakage_gate_alone_and_a_model_that_fails_on_every_row(evaluator: Evaluator) -> None:
    with ModelServer(rule=lambda body: rubbish(body) if body["model"] == "local" else None) as server:
        run = evaluator.run(*DEV, "--eval-profile", str(evaluator.profile(server.base, gates=LEAKAGE)))
    assert run.code == 1
    assert {row["status"] for row in run.rows} == {"program_error"}
    assert run.verdicts() == {"dev-leakage": "inconclusive", "dev-errors": "fail"}
    assert "only 0 of 20 rows are scored, the others are program errors, so this gate cannot pass" in words(run)
    assert "≤ 0.1 (default)" in run.out
    assert "test_gate[dev-errors]" in run.out
    assert run.results is not None
    assert [gate.get("default") for gate in run.results["gates"]] == [None, True]


@pytest.mark.slow
def test_accepted_scores_bring_a_gate_on_errors_and_a_pass_says_what_moved(
    evaluator: Evaluator, tmp_path: Path
) -> None:
    accepted = str(tmp_path / "accepted.json")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, gates=""))
        assert evaluator.run(*DEV, "--eval-profile", profile, "--eval-baseline", accepted, "--eval-accept").code == 0
        run = evaluator.run(*DEV, "--eval-profile", profile, "--eval-baseline", accepted)
        Path(accepted).write_text(Path(accepted).read_text().replace('"scores": 2,\n', ""))
        older = evaluator.run(*DEV, "--eval-profile", profile, "--eval-baseline", accepted)
    assert run.code == 0, run.out
    assert run.verdicts() == {"dev-errors": "pass", "dev-quality": "pass", "dev-leakage": "pass"}
    assert "dev-leakage-regression: 0.000 → 0.000, 0 rose, 0 fell; a worsening under " in run.out
    assert older.code == 4
    assert "write it anew with --eval-accept" in words(older)


@pytest.mark.parametrize(
    ("judge", "option", "said"),
    [
        ('{ kind = "lexical" }', (), "judge on leakage and quality: no bars are set, so nothing is judged"),
        (
            '{ kind = "lexical", calibration = { quality = { kappa = { min = -1 } } } }',
            (),
            "judge on leakage: no bars are set, so nothing is judged",
        ),
        (
            '{ kind = "llm", model = "openai/judge", calibration = { quality = { kappa = { min = 0.9 } } } }',
            ("--eval-judge", "lexical"),
            "The profile's bars belong to its own judge, and --eval-judge chose another, so nothing is judged.",
        ),
    ],
    ids=["none", "half", "another"],
)
def test_a_judge_of_whom_nothing_is_asked_is_not_judged(
    evaluator: Evaluator, judge: str, option: tuple[str, ...], said: str
) -> None:
    profile = evaluator.profile("http://127.0.0.1:1/v1", judge=judge)
    run = evaluator.run("evals", "-m", "judges", "--eval-profile", str(profile), *option)
    assert run.code == 0, run.out
    assert said in words(run)
