"""Statistics of grouped scores: intervals, tests and the sizes they need, from plain numbers.

Scores lie in known bounds, many sit exactly on them, and rows of one group (a conversation, a query that
repeats) are not independent. ``GroupedMean`` answers for all of that with one resampling; exact tests and
formulas of sample size stand beside it. Which number meets which bar is for ``gates``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "GroupedMean",
    "Interval",
    "VarianceComponents",
    "chance_worsening",
    "examples_needed",
    "holm",
    "mcnemar",
    "smallest_detectable",
    "t_value",
    "variance_components",
    "z_value",
]

_SEED = 225
_MOST_DRAWS, _FEWEST_DRAWS = 10_000, 2_000
# Random numbers for one mean: bounds its time, and a tenth of it the memory.
_NUMBERS = 20_000_000
# How many groups the suspicion counts for that rows of one group are copies; 5 and 20 cover less evenly.
_SUSPICION = 10.0


@dataclass(frozen=True)
class Interval:
    """A mean with its two-sided interval; ``se`` is the clustered standard error (inf for one group)."""

    value: float
    low: float
    high: float
    se: float
    n: int
    groups: int
    level: float = 0.95


class GroupedMean:
    """The mean of values within ``bounds``, and what their groups leave unknown about it.

    ``values`` (n floats) and ``groups`` (n labels) run in parallel; ValueError when there are none, the
    lengths differ or a value lies outside the bounds. ``se`` is the clustered standard error of Miller
    (arXiv 2411.00640) with the factor G/(G-1), which makes it the usual one where every group has one row.

    Intervals are a Bayesian cluster bootstrap (Rubin 1981: exponential weights, one for each group) with one
    more group that nobody saw: for the lower limit it lies on the lower bound, for the upper on the upper.
    That is Gaffke's bound (2005; Learned-Miller and Thomas, arXiv 1905.06208). For independent 0/1 rows it
    is the Clopper-Pearson interval, for independent paired 0/1 differences its p-value is the exact sign
    test's, it has never 0 width inside the bounds, and with many groups it is the ordinary bootstrap. The
    unseen group is as large as the rows that make one independent observation here: the design effect,
    drawn towards its largest value (Kish's, all rows of a group alike) where few groups speak.

    The seed is fixed and the draws do not depend on the order of rows.
    """

    def __init__(
        self, values: Sequence[float], groups: Sequence[Hashable], bounds: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        if not values or len(values) != len(groups):
            raise ValueError(f"a mean needs values and a group for each, not {len(values)} and {len(groups)}")
        if not all(bounds[0] <= value <= bounds[1] for value in values):
            raise ValueError(f"every value must lie in {bounds}, not {min(values)} to {max(values)}")
        members: dict[Hashable, list[float]] = {}
        for value, group in zip(values, groups, strict=True):
            members.setdefault(group, []).append(value)
        self.bounds = bounds
        self.n, self.groups = len(values), len(members)
        self.value = math.fsum(values) / self.n
        deviations = [math.fsum(value - self.value for value in group) for group in members.values()]
        squares = math.fsum(deviation**2 for deviation in deviations)
        spread = squares * self.groups / (self.groups - 1) if self.groups > 1 else math.inf
        self.se = math.sqrt(spread) / self.n
        self._kinds = Counter((round(math.fsum(group), 12), len(group)) for group in members.values())
        largest = sum(len(group) ** 2 for group in members.values()) / self.n
        self._unseen = largest
        if squares > 1e-12 and self.groups > 1:  # less is rounding: the rows are equal
            independent = math.fsum((value - self.value) ** 2 for value in values) * self.n / (self.n - 1)
            effect = min(max(spread / independent, 1.0), largest)
            speaking = math.fsum(map(abs, deviations)) ** 2 / squares
            self._unseen = (speaking * effect + _SUSPICION * largest) / (speaking + _SUSPICION)

    @cached_property
    def _draws(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Resampled means, with the unseen group on the lower bound and on the upper one."""
        import numpy as np

        kinds = sorted(self._kinds.items())
        count = np.array([number for _, number in kinds], dtype=float)
        table = np.array([kind for kind, _ in kinds], dtype=float)
        draws = min(_MOST_DRAWS, max(_FEWEST_DRAWS, _NUMBERS // len(kinds)))
        random = np.random.default_rng(_SEED)
        unseen = random.standard_exponential(draws) * self._unseen
        block = max(1, _NUMBERS // 10 // len(kinds))
        sums = np.empty((2, draws))
        for start in range(0, draws, block):
            # k equal groups weigh what one of Gamma(k) weighs, so only distinct groups are drawn for.
            weights = random.standard_gamma(count, size=(min(block, draws - start), len(kinds)))
            for total, column in zip(sums, table.T, strict=True):
                # Not a matrix product: BLAS may sum in another order with another number of threads.
                total[start : start + block] = np.einsum("ij,j->i", weights, column)
        lowest, highest = self.bounds
        size = sums[1] + unseen
        return (sums[0] + lowest * unseen) / size, (sums[0] + highest * unseen) / size

    def interval(self, level: float = 0.95) -> Interval:
        """The two-sided interval at ``level`` (0..1)."""
        import numpy as np

        lower, upper = self._draws
        tail = (1 - level) / 2
        low, high = float(np.quantile(lower, tail)), float(np.quantile(upper, 1 - tail))
        return Interval(self.value, low, high, self.se, self.n, self.groups, level)

    def p_below(self, margin: float) -> float:
        """One-sided p-value against "the mean is ``margin`` or more": small when it lies below."""
        draws = self._draws[1]
        return (1.0 + int((draws >= margin).sum())) / (1 + len(draws))

    def p_above(self, margin: float) -> float:
        """One-sided p-value against "the mean is ``margin`` or less": small when it lies above."""
        draws = self._draws[0]
        return (1.0 + int((draws <= margin).sum())) / (1 + len(draws))


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p-value of McNemar's test from the two counts of discordant independent pairs."""
    discordant = better + worse
    tail = ways = 1
    for k in range(min(better, worse)):
        ways = ways * (discordant - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << discordant))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given: each may be compared with the joint level."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def z_value(share: float) -> float:
    """The standard normal quantile at ``share`` (0..1, both excluded)."""
    return NormalDist().inv_cdf(share)


def t_value(share: float, df: float) -> float:
    """The quantile of Student's t at ``share``, to three digits from ``df`` of 3 on (Abramowitz and Stegun, 26.7.5)."""
    z = z_value(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / df**power for power, term in enumerate(terms, start=1))


def smallest_detectable(se: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided test at ``alpha`` sees with ``power``: (z[1-alpha/2] + z[power])·se.

    Miller (arXiv 2411.00640), section 5; for n independent pairs with standard deviation s, se = s/√n.
    """
    return (z_value(1 - alpha / 2) + z_value(power)) * se


def examples_needed(n: int, se: float, distance: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """How many examples, grouped as these n are, tell a mean from a bound ``distance`` away with ``power``.

    ``se`` is the standard error at n. None when the distance is 0: no number would.
    """
    if distance == 0:
        return None
    return math.ceil(n * (smallest_detectable(se, alpha, power) / distance) ** 2)


def chance_worsening(n: int, limit: float, flips: float = 0.15) -> float:
    """How often ``n`` independent pairs are worse by more than ``limit`` (a mean, 0..1) though nothing changed.

    A pair gets worse by 1 with probability ``flips``, better by 1 with the same, else stays; exact.
    """
    import numpy as np

    net: NDArray[np.floating] = np.ones(1)
    step = np.array([flips, 1 - 2 * flips, flips])
    for bit in f"{n:b}":  # the n-fold convolution, by squaring
        net = np.convolve(net, net)
        net = np.convolve(net, step) if bit == "1" else net
    return float(net[n + 1 + math.floor(n * limit + 1e-9) :].sum())


@dataclass(frozen=True)
class VarianceComponents:
    """Variance of a single score, split: ``within`` an example's trials and ``between`` examples' means."""

    within: float
    between: float
    examples: int


def variance_components(samples: Sequence[Sequence[float]]) -> VarianceComponents | None:
    """One-way random-effects analysis of variance of trials by example (ANOVA estimator, at least 0).

    ``samples`` holds each example's trials, their numbers may differ. None where nothing can be said: fewer
    than two examples, or no example with two trials.
    """
    samples = [sample for sample in samples if sample]
    examples, total = len(samples), sum(map(len, samples))
    if examples < 2 or total == examples:
        return None
    grand = math.fsum(map(math.fsum, samples)) / total
    means = [math.fsum(sample) / len(sample) for sample in samples]
    inside = math.fsum((x - m) ** 2 for s, m in zip(samples, means, strict=True) for x in s)
    across = math.fsum(len(s) * (m - grand) ** 2 for s, m in zip(samples, means, strict=True))
    within = inside / (total - examples)
    typical = (total - sum(len(sample) ** 2 for sample in samples) / total) / (examples - 1)
    return VarianceComponents(within, max(0.0, (across / (examples - 1) - within) / typical), examples)
