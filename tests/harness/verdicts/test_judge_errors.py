from __future__ import annotations

import numpy as np
import pytest

from evals.harness.verdicts.corrected import JudgedRow
from evals.harness.verdicts.judge_errors import assumed


def elsewhere(hits: int = 36, misses: int = 4, right: int = 45, wrong: int = 15) -> list[JudgedRow]:
    """Labels of other runs by what the judge made of people's yes (hits, misses) and no (right, wrong)."""
    cells = [(1.0, 1.0, hits), (1.0, 0.0, misses), (0.0, 0.0, right), (0.0, 1.0, wrong)]
    pairs = [(label, judge) for label, judge, count in cells for _ in range(count)]
    return [JudgedRow(f"l{i}", judge, label) for i, (label, judge) in enumerate(pairs)]


def here(good: int, bad: int) -> list[JudgedRow]:
    return [JudgedRow(f"h{i}", float(i < good)) for i in range(good + bad)]


def test_the_figure_is_rogan_and_gladens() -> None:
    seen = assumed(here(120, 80), elsewhere())
    assert seen is not None
    assert (seen.sensitivity, seen.specificity, seen.n) == (0.9, 0.75, 100)
    assert seen.value == pytest.approx((0.6 + 0.75 - 1) / (0.9 + 0.75 - 1), abs=1e-6)
    assert seen.low is not None
    assert seen.high is not None
    # Lang and Reiczigel's formula for the same counts gives 0.3864 .. 0.7048; ours has Student's t for their normal.
    assert (seen.low, seen.high) == pytest.approx((0.3864, 0.7048), abs=0.012)


def test_a_judge_that_does_not_follow_people_says_nothing() -> None:
    seen = assumed(here(120, 80), elsewhere(20, 20, 30, 30))
    assert seen is not None
    assert seen.value is None
    assert seen.why == "there the judge hardly follows people's labels"


def test_no_sensitivity_or_specificity_is_beyond_0_and_1() -> None:
    # Shares of units on a line whose ends lie far beyond the labels.
    pairs = [(0.0, 1.0), (0.1, 0.6), (0.2, 0.2), (0.3, 0.0)] * 5
    seen = assumed(here(120, 80), [JudgedRow(f"l{i}", judge, label) for i, (label, judge) in enumerate(pairs)])
    assert seen is not None
    assert (seen.sensitivity, seen.specificity) == (0.0, pytest.approx(0.04))


def test_a_mean_beyond_all_that_the_judge_gave_there_is_not_explained_by_its_errors() -> None:
    seen = assumed(here(400, 0), elsewhere(60, 40, 98, 2))
    assert seen is not None
    assert seen.value is None
    assert seen.why == "the judge's mean here lies beyond all that it gave there"


def test_few_labels_and_labels_of_one_kind_give_no_figure() -> None:
    assert assumed(here(10, 10), elsewhere(3, 1, 4, 1)) is None
    assert assumed(here(10, 10), elsewhere(20, 3, 0, 0)) is None
    assert assumed([], elsewhere()) is None


def test_known_scores_stay_as_they_are() -> None:
    errors = [JudgedRow(f"e{i}", 0.0, known=True) for i in range(200)]
    inner, whole = assumed(here(120, 80), elsewhere()), assumed([*here(120, 80), *errors], elsewhere())
    assert inner is not None
    assert whole is not None
    assert whole.value == pytest.approx((inner.value or 0) / 2)
    width, inner_width = ((each.high or 0) - (each.low or 0) for each in (whole, inner))
    assert width > inner_width / 2, "how many are known is unsure too"


def test_shares_of_units_are_taken_as_they_are() -> None:
    labels = [JudgedRow(f"l{i}", 0.1 + 0.8 * (i % 3) / 2, (i % 3) / 2) for i in range(60)]
    seen = assumed([JudgedRow(f"h{i}", 0.5) for i in range(50)], labels)
    assert seen is not None
    assert seen.value == pytest.approx(0.5, abs=0.01)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(3), []
    for _ in range(300):
        cells = random.multinomial(60, [0.5 * 0.85, 0.5 * 0.15, 0.5 * 0.8, 0.5 * 0.2])
        good = int(random.binomial(225, 0.7 * 0.85 + 0.3 * 0.2))
        seen = assumed(here(good, 225 - good), elsewhere(*map(int, cells)))
        if seen is not None and seen.low is not None and seen.high is not None:
            held.append(seen.low <= 0.7 <= seen.high)
    assert len(held) > 290
    assert 0.92 <= np.mean(held) <= 0.99
