"""What the intervals cover and how often the regression gate errs, by simulation.

``python -m tests.benchmarks.bench_statistics [RUNS]`` prints the tables that docs/decisions.md quotes; the tests
of statistics and gates hold some of their lines. Nothing here is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evals.harness.verdicts.baseline import Baseline, accept
from evals.harness.verdicts.gates import Regression
from evals.harness.verdicts.regressions import judge_regressions
from evals.harness.verdicts.statistics import GroupedMean
from papillon.results.rows import Row

Array = NDArray[np.float64]

#: Sizes of groups: independent rows; those of the dev part of PUPA_New by position; those of all of PUPA_New.
SIZES = {
    "20 alone": [1] * 20,
    "225 alone": [1] * 225,
    "225 in 190 groups": [1] * 164 + [2] * 20 + [3] * 4 + [4, 5],
    "225 in 146 groups": [1] * 94 + [2] * 34 + [3] * 11 + [4] * 5 + [5, 5],
    "225 in 45 groups": [5] * 45,
}


def group_of(sizes: Sequence[int]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def binary(sizes: Sequence[int], rate: float, alike: float, random: np.random.Generator) -> Array:
    """Scores of 0 or 1; a row takes its group's with probability ``alike``, else one of its own."""
    group = group_of(sizes)
    shared = (random.random(len(sizes)) < rate)[group]
    own = random.random(len(group)) < rate
    return np.where(random.random(len(group)) < alike, shared, own).astype(float)


def graded(sizes: Sequence[int], rate: float, alike: float, random: np.random.Generator) -> Array:
    """Shares of one to five units, many at 0 and 1, as leakage has them."""
    group = group_of(sizes)
    units = random.choice([1, 2, 3, 5], p=[0.54, 0.2, 0.16, 0.1], size=len(sizes))[group]
    leaks = np.where(
        random.random(len(group)) < alike,
        random.beta(1.5 * rate, 1.5 * (1 - rate), len(sizes))[group],
        random.beta(1.5 * rate, 1.5 * (1 - rate), len(group)),
    )
    return np.asarray(random.binomial(units, leaks) / units)


def coverage(scores: Array, group: NDArray[np.int64], rate: float) -> tuple[bool, bool]:
    """Whether the interval holds the rate, and whether mean ± 1.96 clustered standard errors does."""
    mean = GroupedMean(scores.tolist(), group.tolist())
    seen = mean.interval()
    return seen.low - 1e-9 <= rate <= seen.high + 1e-9, abs(seen.value - rate) <= 1.96 * seen.se


def covered(name: str, rate: float, alike: float, *, kind: str, runs: int, seed: int = 1) -> tuple[float, float]:
    """The shares of simulated runs in which the two intervals of ``coverage`` hold the rate."""
    random = np.random.default_rng(seed)
    draw = binary if kind == "binary" else graded
    group = group_of(SIZES[name])
    held = [coverage(draw(SIZES[name], rate, alike, random), group, rate) for _ in range(runs)]
    ours, plain = np.mean(held, axis=0)
    return float(ours), float(plain)


@dataclass(frozen=True)
class Alarms:
    """Shares of simulated comparisons in which gates fail, by quality, leakage and either of the two.

    ``naive`` asks the same of paired differences taken as independent, without Holm; ``within_max_drop`` is
    how often a gate of leakage with ``max_drop`` passes.
    """

    quality: float
    leakage: float
    either: float
    naive_quality: float
    naive_leakage: float
    naive_either: float
    within_max_drop: float


class World:
    """Pairs of runs over the same examples: quality 0.8 and leakage 0.2 in the baseline, worse by ``drop`` after.

    Each group has its own rates; a row takes its group's outcome with probability 0.9, as copies of a query
    do; a group's outcome stays as it was with probability ``same``, unless the drop changes it.
    """

    def __init__(self, name: str, drop: float, same: float, seed: int) -> None:
        self.sizes, self.drop, self.same = SIZES[name], drop, same
        self.random = np.random.default_rng(seed)

    def draw(self) -> tuple[list[Row], list[Row]]:
        random, groups = self.random, len(self.sizes)
        group = group_of(self.sizes)
        units = random.choice([1, 2, 3, 5], p=[0.54, 0.2, 0.16, 0.1], size=groups)[group]
        quality, leakage = random.beta(1.6, 0.4, groups), random.beta(0.3, 1.2, groups)
        luck = self._luck(group)
        kept = random.random(groups)[group] < self.same
        again = [np.where(kept, old, new) for old, new in zip(luck, self._luck(group), strict=True)]
        before = self._rows(group, units, quality, leakage, luck)
        share = self.drop / 0.8
        after = self._rows(group, units, quality * (1 - share), leakage + (1 - leakage) * share, again)
        return before, after

    def _luck(self, group: NDArray[np.int64]) -> list[Array]:
        alike = self.random.random(len(group)) < 0.9
        shared = [self.random.random(len(self.sizes))[group] for _ in range(6)]
        return [np.where(alike, value, self.random.random(len(group))) for value in shared]

    def _rows(
        self, group: NDArray[np.int64], units: NDArray[np.int64], quality: Array, leakage: Array, luck: list[Array]
    ) -> list[Row]:
        good = (luck[0] < quality[group]).astype(float)
        leaked = np.sum([(luck[i] < leakage[group]) & (i <= units) for i in range(1, 6)], axis=0)
        return [
            Row(
                id=f"dev-{i:04d}",
                split="dev",
                trial=0,
                group=str(group[i]),
                status="scored",
                error=None,
                quality=float(good[i]),
                verdict=None,
                leaked=int(leaked[i]),
                judge_leaked=int(leaked[i]),
                units=int(units[i]),
                leakage=float(leaked[i] / units[i]),
                verbatim_leaked=0,
                overall=float(good[i] + 1 - leaked[i] / units[i]) / 2,
                tutorial_overall=float(good[i] + 1 - leaked[i] / units[i]) / 2,
                carried=float(1 - leaked[i] / units[i]),
                seconds=0.0,
            )
            for i in range(len(group))
        ]


def baseline_of(rows: Sequence[Row]) -> Baseline:
    return accept(rows, dataset={}, judge={}, models={}, program="", versions={})


def alarms(name: str, drop: float, *, same: float, runs: int, max_drop: float = 0.08, seed: int = 1) -> Alarms:
    """How often the gates of quality and leakage fail, in ``runs`` simulated comparisons."""
    world = World(name, drop, same, seed)
    asked = [Regression("dev", "quality", "b"), Regression("dev", "leakage", "b")]
    lenient = [Regression("dev", "leakage", "b", max_drop)]
    seen = []
    for _ in range(runs):
        before, after = world.draw()
        baseline = baseline_of(before)
        failed = [result.verdict == "fail" for result in judge_regressions(asked, after, baseline)]
        passed = judge_regressions(lenient, after, baseline)[0].verdict == "pass"
        worse = [
            naive([float(b.quality or 0) - float(a.quality or 0) for a, b in zip(after, before, strict=True)]),
            naive([float(a.leakage or 0) - float(b.leakage or 0) for a, b in zip(after, before, strict=True)]),
        ]
        seen.append([*failed, any(failed), *worse, any(worse), passed])
    shares = [float(share) for share in np.mean(seen, axis=0)]
    return Alarms(*shares)


def naive(worsening: Sequence[float]) -> bool:
    """Whether mean ± 1.96 standard errors of rows taken as independent lies above 0."""
    spread = float(np.std(worsening, ddof=1)) / len(worsening) ** 0.5
    return bool(np.mean(worsening) - 1.96 * spread > 0)


def main(runs: int) -> None:
    print(f"Coverage of the 95% interval, and of mean ± 1.96 clustered standard errors, {runs} runs each")
    rates = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
    print(f"{'':42}" + "".join(f"{rate:>14}" for rate in rates))
    for kind, name in product(("binary", "graded"), SIZES):
        for alike in (0.0,) if "alone" in name else (0.5, 1.0):
            line = [covered(name, rate, alike, kind=kind, runs=runs) for rate in rates]
            print(f"{kind}, {name}, alike {alike:g}".ljust(42) + "".join(f"  {a:.3f} ({b:.3f})" for a, b in line))
    print(f"\nShare of {runs} comparisons in which the regression gates fail, and the naive test's")
    worlds = (("225 alone", 0.0), ("225 in 190 groups", 0.0), ("225 in 190 groups", 0.7), ("225 in 45 groups", 0.0))
    for (name, same), drop in product(worlds, (0.0, 0.08)):
        at = alarms(name, drop, same=same, runs=runs)
        print(
            f"{name}, {same:.0%} as before, drop {drop:g}".ljust(48)
            + f"quality {at.quality:.3f} ({at.naive_quality:.3f})  leakage {at.leakage:.3f} ({at.naive_leakage:.3f})  "
            + f"either {at.either:.3f} ({at.naive_either:.3f})  leakage within max_drop 0.08 {at.within_max_drop:.3f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
