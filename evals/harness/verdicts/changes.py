"""Changes: one metric on both sides of the same examples, and whether the difference is more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from evals.harness.verdicts.gates import ALPHA, detectable
from evals.harness.verdicts.pairs import Pairs
from evals.harness.verdicts.statistics import holm, mcnemar
from papillon.results.comparison import Change

__all__ = ["change_of", "together"]

#: Each example's score, 0..1, by its id.
Scores = Mapping[str, float]


def change_of(metric: str, before: Scores, after: Scores, groups: Mapping[str, str], *, of: int = 1) -> Change | None:
    """The paired change of ``metric`` over the examples on both sides, None without any; ``groups`` has the group of
    each example of ``after``. It could have seen a difference as one of ``of`` that are told together."""
    pairs = Pairs(before, after, groups)
    if not pairs.examples:
        return None
    seen = pairs.difference.interval(1 - ALPHA)
    p = _p_value(metric, pairs)
    differences = [after[example] - before[example] for example in pairs.examples]
    return Change(
        metric=metric,
        before=_mean(before, pairs.examples),
        after=_mean(after, pairs.examples),
        difference=seen.value,
        low=seen.low,
        high=seen.high,
        n=seen.n,
        groups=seen.groups,
        rose=sum(difference > 0 for difference in differences),
        fell=sum(difference < 0 for difference in differences),
        p=p,
        moved=p <= ALPHA,
        smallest=max(detectable(seen, above, ALPHA / of) for above in (False, True)),
    )


def together(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The same changes, told beside each other: after Holm's correction over those in which any example differs.

    One in which none does could not be more than chance whatever had happened to the others (Tarone 1990).
    """
    family = [change for change in changes if change.rose + change.fell]
    adjusted = dict(zip((change.metric for change in family), holm([change.p for change in family]), strict=True))
    return tuple(
        replace(change, p=adjusted.get(change.metric, 1.0), moved=adjusted.get(change.metric, 1.0) <= ALPHA)
        for change in changes
    )


def _p_value(metric: str, pairs: Pairs) -> float:
    mean = pairs.difference
    if metric == "quality" and pairs.binary:
        rose, fell = pairs.votes()
        # A large group that fell may outweigh many small ones that rose: then nothing is shown.
        return mcnemar(rose, fell) if (rose - fell) * mean.value > 0 else 1.0
    return min(1.0, 2 * min(mean.p_below(0.0), mean.p_above(0.0)))


def _mean(scores: Scores, examples: Sequence[str]) -> float:
    return math.fsum(scores[example] for example in examples) / len(examples)
