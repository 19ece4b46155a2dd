"""What rows come to in each metric."""

from __future__ import annotations

from dataclasses import replace

from evals.harness.verdicts.scores import scores_of
from evals.harness.verdicts.statistics import GroupedMean
from tests.harness.verdicts.samples import row


def test_each_metric_is_a_mean_over_examples_with_its_interval() -> None:
    rows = [row(0, 1.0, trial=0), row(0, 0.0, trial=1), row(1, 1.0, 1), row(2, failed=True)]
    rows = [replace(each, carried=None) for each in rows]
    scores = scores_of(rows, ("quality", "leakage", "carried"))
    seen = GroupedMean([0.5, 1.0], ["a", "b"]).interval()
    assert scores["quality"].value == 0.75
    assert (scores["quality"].low, scores["quality"].high) == (round(seen.low, 6), round(seen.high, 6))
    assert (scores["leakage"].value, scores["leakage"].n) == (0.5, 2)
    assert "carried" not in scores


def test_a_metric_is_over_the_rows_that_have_it() -> None:
    assert scores_of([replace(row(0), carried=None), replace(row(1), carried=0.5)], ("carried",))["carried"].n == 1
