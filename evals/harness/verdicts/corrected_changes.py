"""Corrected changes: what two labelled runs differ by, each corrected by its labels, paired group by group."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evals.harness.verdicts.corrected import Estimate, estimate
from evals.harness.verdicts.labelled import CORRECTED, Answers, Corrected, judged_rows, too_early
from evals.harness.verdicts.statistics import t_value
from papillon.results.comparison import CorrectedChange
from papillon.results.rows import Row

__all__ = ["corrected_changes", "paired"]

#: The rows of one run on a split, and what people say of them.
Side = tuple[Sequence[Row], Answers]


def corrected_changes(before: Side, after: Side) -> tuple[CorrectedChange, ...]:
    """The change of each corrected metric over the examples that both runs scored; none where a run has no labels."""
    if not before[1] or not after[1]:
        return ()
    found = (_change(metric, before, after) for metric in CORRECTED)
    return tuple(change for change in found if change is not None)


def _change(metric: Corrected, before: Side, after: Side) -> CorrectedChange | None:
    ids = [{row.id for row in rows if row.score(metric) is not None} for rows, _ in (before, after)]
    shared = ids[0] & ids[1]
    if not shared:
        return None
    sides = [
        judged_rows([row for row in rows if row.id in shared], metric, answers) for rows, answers in (before, after)
    ]
    for when, side in zip(("before", "after"), sides, strict=True):
        if early := too_early(side):
            return CorrectedChange(metric, early=f"{when}, {early}")
    old, new = map(estimate, sides)
    difference, low, high = paired(old, new)
    return CorrectedChange(metric, old.value, new.value, difference, low, high, old.labelled, new.labelled)


def paired(before: Estimate, after: Estimate) -> tuple[float, float, float]:
    """The difference of two estimates over the same groups, after − before in -1..1, with its 95% interval.

    What a group pulls both estimates by in the same way does not pull their difference. Where the labels are the same
    the interval keeps the width that their being few leaves.
    """
    groups = before.pulls.keys() | after.pulls.keys()
    apart = [after.pulls.get(group, 0.0) - before.pulls.get(group, 0.0) for group in groups]
    variance = math.fsum(pull**2 for pull in apart) + before.added + after.added
    half = t_value(0.975, min(before.df, after.df)) * math.sqrt(variance)
    difference = after.value - before.value
    return difference, max(-1.0, difference - half), min(1.0, difference + half)
