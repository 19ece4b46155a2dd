"""Scores: what rows come to in each metric, as a mean with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evals.harness.verdicts.pairs import mean_by_example, trials_by_example
from evals.harness.verdicts.statistics import GroupedMean
from papillon.results.judging import Measure
from papillon.results.rows import Row

__all__ = ["scores_of"]


def scores_of(rows: Sequence[Row], metrics: Iterable[str]) -> dict[str, Measure]:
    """Each metric's mean over the examples that have a score, with its 95% interval by groups and their number.

    An example's score is the mean over its trials; a metric that no row has is left out.
    """
    group = {row.id: row.group for row in rows}
    scores = {}
    for metric in metrics:
        if means := mean_by_example(trials_by_example(rows, metric)):
            seen = GroupedMean(list(means.values()), [group[example] for example in means]).interval()
            # Beyond 6 places two machines may differ.
            scores[metric] = Measure(round(seen.value, 6), round(seen.low, 6), round(seen.high, 6), seen.n)
    return scores
