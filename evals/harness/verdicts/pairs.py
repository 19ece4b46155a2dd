"""Two sets of rows laid beside each other, example by example, and the ways in which they differ.

Regression gates, the gain over a control and the comparison of two results are all built on it. What a
difference means for a verdict is for ``gates``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property

from evals.harness.verdicts.statistics import GroupedMean
from papillon.results.gates import Flip
from papillon.results.rows import Row

__all__ = ["Flip", "Pairs", "mean_by_example", "trials_by_example"]


def trials_by_example(rows: Iterable[Row], metric: str) -> dict[str, list[float]]:
    """Each example's scores in ``metric``, one for each trial that has a score; in the rows' order."""
    samples: dict[str, list[float]] = {}
    for row in rows:
        score = row.score(metric)
        if score is not None:
            samples.setdefault(row.id, []).append(score)
    return samples


def mean_by_example(samples: Mapping[str, list[float]]) -> dict[str, float]:
    """Each example's mean over its trials: what one example contributes to a split's metric."""
    return {example: math.fsum(scores) / len(scores) for example, scores in samples.items()}


class Pairs:
    """The examples that stand on both sides, with a score in 0..1 on each.

    ``before`` and ``after`` map an example's id to its score, ``groups`` an id of ``after`` to its group.
    """

    def __init__(self, before: Mapping[str, float], after: Mapping[str, float], groups: Mapping[str, str]) -> None:
        self.examples = [example for example in after if example in before]
        self.unpaired = len(after) - len(self.examples)
        self._before, self._after, self._groups = before, after, groups

    @cached_property
    def difference(self) -> GroupedMean:
        """The mean of after − before, in -1..1; ValueError when there is no pair."""
        return GroupedMean(
            [self._after[example] - self._before[example] for example in self.examples],
            [self._groups[example] for example in self.examples],
            bounds=(-1.0, 1.0),
        )

    @property
    def binary(self) -> bool:
        """Whether every score on both sides is 0 or 1, so that McNemar's test applies."""
        return all(side[example] in (0, 1) for side in (self._before, self._after) for example in self.examples)

    def votes(self) -> tuple[int, int]:
        """How many groups rose and how many fell: duplicates of one query count as one pair."""
        change: dict[str, float] = {}
        for example in self.examples:
            group = self._groups[example]
            change[group] = change.get(group, 0.0) + self._after[example] - self._before[example]
        return sum(total > 0 for total in change.values()), sum(total < 0 for total in change.values())

    def flips(self, lower_is_worse: bool = True) -> list[Flip]:
        """Every example that changed, the largest worsening first."""
        sign = 1 if lower_is_worse else -1
        changed = [
            Flip(example, self._before[example], self._after[example])
            for example in self.examples
            if self._before[example] != self._after[example]
        ]
        return sorted(changed, key=lambda flip: (sign * (flip.after - flip.before), flip.id))
