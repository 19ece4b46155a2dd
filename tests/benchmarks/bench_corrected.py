"""What the intervals of corrected figures cover, and how wide they are beside those of the labels alone, by simulation.

``python -m tests.benchmarks.bench_corrected [RUNS]`` prints the tables that docs/decisions.md quotes; a slow test holds
a smaller part of them. Nothing here is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evals.harness.verdicts.corrected import JudgedRow, estimate
from evals.harness.verdicts.labelled import too_early
from tests.benchmarks.bench_statistics import SIZES, group_of

Array = NDArray[np.float64]

RATES, LABELS, AGREEMENTS = (0.1, 0.5, 0.8), (20, 40, 80), (0.68, 0.86, 0.95)
#: Independent rows, and groups as PUPA_New has them: its dev part by position, and all of it.
GROUPS = ("225 alone", "225 in 190 groups", "225 in 146 groups")
#: Which way the judge errs: both alike, or as far as they go towards yes or no.
Errs = Literal["both", "yes", "no"]


@dataclass(frozen=True)
class World:
    """Rows that people would call good at ``rate``, with a judge who says so too of a share ``agreement``.

    A row takes its group's truth, and its judge the group's luck, with probability 0.9, as copies of a query do. With
    ``graded`` the scores are shares of one to five units, each of which leaks at ``rate`` and is judged apart. A share
    ``bare`` of the rows has no unit, so that its score, 0, is known.
    """

    groups: str
    rate: float
    agreement: float
    errs: Errs = "both"
    graded: bool = False
    bare: float = 0.0

    @property
    def errors(self) -> tuple[float, float]:
        """How often the judge says yes to a no, and no to a yes."""
        wrong = 1 - self.agreement
        if self.errs == "both":
            return wrong, wrong
        likely = self.rate if self.errs == "no" else 1 - self.rate
        one = min(0.95, wrong / likely)
        other = (wrong - one * likely) / (1 - likely)
        return (one, other) if self.errs == "yes" else (other, one)

    def draw(self, labels: int, random: np.random.Generator) -> list[JudgedRow]:
        """One run's rows, of which as many groups as ``labels`` have a label, each on one of its rows."""
        sizes = SIZES[self.groups]
        group = group_of(sizes)
        units = random.choice([1, 2, 3, 5], p=[0.54, 0.2, 0.16, 0.1], size=len(sizes)) if self.graded else None
        score, judge = np.zeros(len(group)), np.zeros(len(group))
        for unit in range(5 if self.graded else 1):
            inside = 1.0 if units is None else (unit < units)[group] / units[group]
            truth = self._alike(group, random) < self.rate
            wrong = self._alike(group, random) < np.where(truth, self.errors[1], self.errors[0])
            score += inside * truth
            judge += inside * (truth != wrong)
        start = np.cumsum([0, *sizes[:-1]])
        chosen = {int(start[g] + random.integers(sizes[g])) for g in random.permutation(len(sizes))[:labels]}
        known = random.random(len(group)) < self.bare if self.bare else np.zeros(len(group), bool)
        score, judge = np.where(known, 0.0, np.minimum(score, 1.0)), np.where(known, 0.0, np.minimum(judge, 1.0))
        return [
            JudgedRow(str(g), float(f), float(y) if i in chosen else None, known=bool(k))
            for i, (g, f, y, k) in enumerate(zip(group, judge, score, known, strict=True))
        ]

    @staticmethod
    def _alike(group: NDArray[np.int64], random: np.random.Generator) -> Array:
        shared = random.random(group[-1] + 1)[group]
        return np.where(random.random(len(group)) < 0.9, shared, random.random(len(group)))


@dataclass(frozen=True)
class Cell:
    """Shares of simulated runs whose interval holds the truth and its mean width, corrected and by labels alone.

    Runs that are too early count in neither; ``early`` is their share. In a share ``wider`` of the others the corrected
    interval is the wider one, and in one of ten at least ``worst`` times as wide.
    """

    covered: float
    width: float
    alone_covered: float
    alone_width: float
    early: float
    wider: float
    worst: float

    @property
    def ratio(self) -> float:
        return self.width / self.alone_width


def simulate(world: World, labels: int, runs: int, seed: int = 1) -> Cell:
    random = np.random.default_rng(seed)
    seen, early = [], 0
    for _ in range(runs):
        rows = world.draw(labels, random)
        if too_early(rows):
            early += 1
            continue
        both = estimate(rows), estimate(rows, judged=False)
        truth = world.rate * (1 - world.bare)
        seen.append([figure for e in both for figure in (e.low <= truth <= e.high, e.high - e.low)])
    covered, width, alone_covered, alone_width = (float(mean) for mean in np.mean(seen, axis=0))
    ratios = np.array(seen)[:, 1] / np.array(seen)[:, 3]
    wider, worst = float(np.mean(ratios > 1)), float(np.quantile(ratios, 0.9))
    return Cell(covered, width, alone_covered, alone_width, early / runs, wider, worst)


def table(runs: int, errs: Errs = "both", graded: bool = False) -> Iterator[str]:
    """A line for each number of labels, agreement and grouping, its cells by rate."""
    for groups, labels, agreement in product(GROUPS, LABELS, AGREEMENTS):
        cells = [simulate(World(groups, rate, agreement, errs, graded), labels, runs) for rate in RATES]
        mean = float(np.mean([cell.covered for cell in cells]))
        said = "".join(f"  {c.covered:.3f} ({c.ratio:.2f}; {c.early:.3f})" for c in cells)
        yield f"{groups}, {labels} labels, {agreement:.0%}".ljust(42) + said + f"  mean {mean:.3f}"


def few(runs: int) -> Iterator[str]:
    """A line for each setting in which correction can cost more than it brings: few labels, rates near 0, shares."""
    for groups, labels, graded in product(("20 alone", "225 alone"), (12, 20, 40), (False, True)):
        if groups == "20 alone" and labels > 12:
            continue
        for rate, errs in product((0.05, 0.1, 0.8), ("both", "yes", "no")):
            cell = simulate(World(groups, rate, 0.86, errs, graded), labels, runs)  # type: ignore[arg-type]
            what = f"{groups}, {labels} labels, {'shares' if graded else 'yes/no'}, rate {rate}, errs {errs}"
            yield (
                f"{what.ljust(58)}  covers {cell.covered:.3f}  width {cell.ratio:.2f}  wider in {cell.wider:.2f}, "
                f"worst tenth {cell.worst:.2f}; early {cell.early:.2f}"
            )


def main(runs: int) -> None:
    print(f"Coverage of the corrected 95% interval (its width over that of labels alone; share too early), {runs} runs")
    for errs, graded in (("both", False), ("yes", False), ("no", False), ("both", True)):
        print(f"\njudge errs {errs}{', scores are shares of units' if graded else ''}; rates {RATES}")
        for line in table(runs, errs, graded):
            print(line, flush=True)
    print("\nfew labels and rates near 0, a judge at 86%")
    for line in few(runs):
        print(line, flush=True)
    print("\n50 labels of 225 rows at a rate of 0.8")
    for agreement in (0.68, 0.86, 0.95):
        cell = simulate(World("225 alone", 0.8, agreement), 50, runs)
        print(
            f"{agreement:.0%}: covers {cell.covered:.3f}, labels alone {cell.alone_covered:.3f}; width {cell.ratio:.3f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
