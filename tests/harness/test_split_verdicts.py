"""What a run's rows come to is judged once they are there, over all selected rows of a split, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.harness.evaluation.outcome import PROGRAM, row_without_scores
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.split_verdicts import SplitVerdicts, Waiting
from papillon.results import Row
from tests.harness.runs import Evaluator

GATES = "[gates.dev]\nquality = { min = 0.5 }\nleakage = { max = 0.5 }\ngain = { min = -1.0 }\n"


class Rows:
    """The rows of a run: the program scores ``overall`` on each example, the control 0.25; asked for so often."""

    def __init__(self, plan: Plan, overall: float = 0.75) -> None:
        self.plan, self.overall = plan, overall
        self.asked: list[tuple[str, str]] = []
        self.waited: list[Waiting] = []

    def __call__(self, split: str, subject: str = PROGRAM, waiting: Waiting = None) -> list[Row]:
        self.asked.append((split, subject))
        self.waited.append(waiting)
        overall = self.overall if subject == PROGRAM else 0.25
        return [
            Row(e.id, split, 0, e.group, "scored", None, 1.0, "tie", 0, 0, 2, 0.0, 0, overall, overall, 0.0)
            for e in self.plan.examples[split]
        ]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    given = {option.dest: None for option in OPTIONS} | {
        "eval_profile": str(Evaluator(tmp_path).profile("http://127.0.0.1:9/v1", gates=GATES)),
        "eval_runs": "none",
    }
    return Plan(resolve(given, tmp_path))


def test_all_gates_of_a_split_are_judged_when_the_first_is_asked_for_and_once(plan: Plan) -> None:
    rows = Rows(plan)
    verdicts = SplitVerdicts(plan, plan.examples, rows)
    waiting = lambda: None  # noqa: E731
    judged = {gate: verdicts.gate(f"dev-{gate}", waiting)[0] for gate in ("quality", "leakage", "gain", "errors")}
    assert {gate: result.verdict for gate, result in judged.items()} == dict.fromkeys(judged, "pass")
    assert judged["gain"].value == pytest.approx(0.5)
    assert judged["quality"].n == len(plan.examples["dev"])
    assert rows.asked == [("dev", "local-only"), ("dev", PROGRAM)]
    assert rows.waited == [waiting, waiting]


def test_a_row_without_a_score_keeps_every_gate_from_passing(plan: Plan) -> None:
    class OneLost(Rows):
        def __call__(self, split: str, subject: str = PROGRAM, waiting: Waiting = None) -> list[Row]:
            return [row_without_scores(plan.examples[split][0], 0, 0.0, "away"), *super().__call__(split, subject)[1:]]

    verdicts = SplitVerdicts(plan, plan.examples, OneLost(plan))
    assert {verdicts.gate(f"dev-{gate}")[0].verdict for gate in ("quality", "leakage", "gain")} == {"inconclusive"}


def test_the_gain_is_over_the_control_and_none_without_it(plan: Plan) -> None:
    gain = SplitVerdicts(plan, plan.examples, Rows(plan, overall=0.5)).gain("dev")
    assert gain is not None
    assert gain.value == pytest.approx(0.25)
    alone = lambda split, subject=PROGRAM, waiting=None: []  # noqa: E731
    assert SplitVerdicts(plan, plan.examples, alone).gain("dev") is None


def test_a_control_is_judged_over_its_own_rows(plan: Plan) -> None:
    rows = Rows(plan)
    result = SplitVerdicts(plan, plan.examples, rows).control("local-only", "dev")
    assert (result.name, result.split, result.overall) == ("local-only", "dev", pytest.approx(0.25))
    assert rows.asked == [("dev", "local-only")]


def test_units_are_checked_once_for_each_split(plan: Plan) -> None:
    verdicts = SplitVerdicts(plan, plan.examples, Rows(plan))
    assert verdicts.units("dev") is verdicts.units("dev")
