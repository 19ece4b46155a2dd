from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evals.harness.verdicts.comparison import compare
from evals.harness.verdicts.corrected import JudgedRow, estimate
from evals.harness.verdicts.corrected_changes import corrected_changes, paired
from evals.harness.verdicts.labelled import Answers
from papillon.results import Row
from papillon.results.comparison import Comparison
from papillon.results.correction import RowLabel
from papillon.results.words import corrected_changes as in_words
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_comparison import run


def judged(good: int, count: int = 60) -> list[Row]:
    return [row(i, quality=float(i % 10 < good), units=2) for i in range(count)]


def agreed(rows: list[Row]) -> Answers:
    return {(each.id, each.trial): {"quality": each.quality, "leakage": 0.0} for each in rows}


def test_two_labelled_runs_are_paired() -> None:
    before, after = judged(5), judged(8)
    found = corrected_changes((before, agreed(before[:40])), (after, agreed(after[:40])))
    assert [change.metric for change in found] == ["quality", "leakage", "overall"]
    quality = found[0]
    assert (quality.before, quality.after, quality.difference) == pytest.approx((0.5, 0.8, 0.3))
    assert quality.low is not None
    assert quality.low > 0
    assert (quality.labels_before, quality.labels_after) == (40, 40)


def test_the_paired_interval_is_narrower_where_runs_are_alike() -> None:
    rows = [JudgedRow(str(i), float(i % 2), float(i % 3 > 0) if i < 50 else None) for i in range(200)]
    same = paired(estimate(rows), estimate(rows))
    other = [replace(each, group=f"other {each.group}") for each in rows]
    apart = paired(estimate(rows), estimate(other))
    assert same[0] == apart[0] == 0
    assert 0 < same[2] - same[1] < 0.4 * (apart[2] - apart[1])


def test_only_examples_in_both_runs_count() -> None:
    before, after = judged(5), judged(5, 40)
    quality = corrected_changes((before, agreed(before)), (after, agreed(after)))[0]
    assert (quality.labels_before, quality.labels_after) == (40, 40)


def test_too_few_labels_on_one_side_are_said() -> None:
    before, after = judged(5), judged(8)
    quality = corrected_changes((before, agreed(before)), (after, agreed(after[:9])))[0]
    assert quality.difference is None
    assert quality.early == "after, 9 independent rows have a label, and 10 are needed"


def test_a_run_without_labels_leaves_nothing_to_pair() -> None:
    assert corrected_changes((judged(5), {}), (judged(8), agreed(judged(8)))) == ()


def test_a_comparison_of_results_takes_the_labels_that_they_hold() -> None:
    labels = tuple(RowLabel(each.id, each.trial, each.quality, 0.0) for each in judged(5)[:40])
    sides = [replace(run(judged(good), name), labels=labels) for good, name in ((5, "before"), (8, "after"))]
    comparison = compare(*sides)
    assert comparison.splits[0].corrected[0].labels_after == 40
    assert Comparison.from_json(comparison.to_json()) == comparison
    assert in_words(comparison.splits[0])[0].startswith("dev quality corrected by labels 0.500 → ")


def test_the_paired_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(1), []
    for _ in range(300):
        truth = random.random(150)
        old, new = truth < 0.6, np.where(random.random(150) < 0.7, truth, random.random(150)) < 0.7
        sides = []
        for good in (old, new):
            judge = np.where(random.random(150) < 0.15, ~good, good)
            sides.append(
                [
                    JudgedRow(str(i), float(f), float(y) if i < 40 else None)
                    for i, (f, y) in enumerate(zip(judge, good, strict=True))
                ]
            )
        _, low, high = paired(*map(estimate, sides))
        held.append(low <= 0.1 <= high)
    assert 0.92 <= np.mean(held) <= 0.995
