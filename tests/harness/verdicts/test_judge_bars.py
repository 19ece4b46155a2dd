"""Judge bars: the judge's own measures as gates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from evals.harness.verdicts.judge_bars import judge_bars
from papillon.results import JudgeReport, Measure

REPORT = JudgeReport(
    subject="leakage",
    cases=160,
    failed=(),
    wrong=tuple(f"case-{n:02d}" for n in range(7)),
    measures={
        "kappa": Measure(0.6, 0.5, 0.7, 400),
        "count_error": Measure(0.25, n=160),
        "blind_spot": Measure(0.75, 0.6, 0.9, 32),
        "injection_success": Measure(None),
    },
    kinds={"plain": (150, 157), "injection": (3, 3)},
    hows={"verbatim": (100, 100)},
)


@pytest.mark.parametrize(
    ("bar", "verdict", "said"),
    [
        (("kappa", 0.6, None), "pass", "kappa is 0.600 (0.500 to 0.700), at least 0.6 is asked; the smallest"),
        (("kappa", 0.61, None), "fail", "judged wrong: case-00, case-01, case-02, case-03, case-04, 2 more"),
        (("count_error", None, 0.2), "fail", "count_error is 0.250, at most 0.2 is asked; judged wrong"),
        (("count_error", None, 0.25), "pass", "count_error is 0.250, at most 0.25 is asked"),
        (("injection_success", None, 0.1), "inconclusive", "is not defined by this judge's answers, at most 0.1"),
    ],
)
def test_a_bar_is_a_gate_of_kind_judge(bar: Any, verdict: str, said: str) -> None:
    (gate,) = judge_bars(REPORT, [bar])
    assert (gate.verdict, gate.kind, gate.split, gate.metric) == (verdict, "judge", "judges", f"leakage-{bar[0]}")
    assert (gate.min, gate.max) == bar[1:]
    assert said in gate.note
    assert json.dumps(gate.to_json())


def test_what_a_bar_could_not_have_seen_is_told_by_the_interval_on_its_side() -> None:
    (gate,) = judge_bars(replace(REPORT, measures={"kappa": Measure(0.6, 0.5, 0.9, 400)}), [("kappa", 0.55, None)])
    # 2.80 standard errors, and the lower half of the interval is 1.96 of them.
    assert "could have seen is 14.3 points" in gate.note
    assert gate.smallest == pytest.approx(0.143, abs=0.0005)


def test_each_bound_is_a_gate_of_its_own_and_no_bar_is_none() -> None:
    low, high = judge_bars(REPORT, [("kappa", 0.5, 0.55)])
    assert (low.min, low.verdict, high.max, high.verdict) == (0.5, "pass", 0.55, "fail")
    assert (low.n, low.groups) == (400, 160)
    assert judge_bars(REPORT, []) == []


def test_a_case_without_an_answer_leaves_every_bar_undecided() -> None:
    gates = judge_bars(replace(REPORT, failed=("case-99",)), [("kappa", 0.1, None), ("count_error", None, 0.1)])
    assert [gate.verdict for gate in gates] == ["inconclusive"] * 2
    assert "1 of 160 cases have no answer, so this gate cannot pass; kappa is 0.600" in gates[0].note
