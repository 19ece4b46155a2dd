"""Second opinion: how far two judges of the same rows agree."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from evals.harness.verdicts.second_opinion import judges_agreement
from papillon.results import Measure, Row

ROW = Row("e0", "dev", 0, "g0", "scored", None, 1.0, "tie", 1, 1, 2, 0.5, 1, 0.75, 0.75, 0.0)


def test_agreement_is_over_scored_rows_and_leaks_over_rows_with_units() -> None:
    rows = [
        (ROW, 1, 1),
        (replace(ROW, group="g1", quality=0.0), 1, 2),
        (replace(ROW, group="g2", quality=0.0, judge_leaked=0), 0, 0),
        (replace(ROW, group="g3", units=0, judge_leaked=0), 1, 0),
        (replace(ROW, group="g4", status="program_error", quality=0.0), 0, 1),
    ]
    agreement = judges_agreement(rows)
    assert agreement.rows == 4
    assert (agreement.quality.value, agreement.quality.n) == (3 / 4, 4)
    assert agreement.quality_kappa.value == pytest.approx(0.5)  # po = 3/4, pe = 1/2
    assert (agreement.count.value, agreement.count.n) == (pytest.approx(2 / 3), 3)
    assert agreement.leak_kappa.value == 1
    assert agreement.count_difference == Measure(pytest.approx(1 / 3), n=3)
    assert json.loads(json.dumps(agreement.to_json()))["quality"]["n"] == 4


def test_rows_of_one_group_speak_once_for_an_agreements_interval() -> None:
    alone = judges_agreement([(replace(ROW, group=f"g{n}"), 1, 1) for n in range(8)])
    together = judges_agreement([(ROW, 1, 1)] * 8)
    assert (together.quality.low or 0) < (alone.quality.low or 0)


def test_without_targets_the_judges_are_compared_in_what_leaks_alone() -> None:
    bare = replace(ROW, quality=None, verdict=None, overall=None, tutorial_overall=None)
    agreement = judges_agreement([(bare, None, 1), (replace(bare, group="g1"), None, 0)])
    assert (agreement.rows, agreement.quality.n, agreement.quality.value) == (2, 0, None)
    assert (agreement.count.value, agreement.count.n) == (0.5, 2)
