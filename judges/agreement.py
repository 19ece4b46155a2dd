"""Agreement: how closely a judge's answers follow the labels, as figures with their intervals.

Pure arithmetic over answers and labels. What a case is and which answers are held against which
labels is left to :mod:`judges.calibration`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from papillon.results.judging import Measure

__all__ = ["Measure", "kappa", "share", "spearman"]

Z = 1.959964  # a 95% interval
CELLS = ((True, True), (True, False), (False, True), (False, False))


def share(hits: Sequence[tuple[bool, str]]) -> Measure:
    """The share of hits among (hit, case), in 0..1, with its Wilson interval (Wilson 1927).

    The interval counts cases, not judgements: those of one case may stand or fall together.
    None without any.
    """
    if not hits:
        return Measure(None)
    value = sum(hit for hit, _ in hits) / len(hits)
    n = len({case for _, case in hits})
    middle = (value + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(value * (1 - value) / n + Z**2 / (4 * n**2))
    return Measure(value, max(0.0, middle - half), min(1.0, middle + half), len(hits))


def kappa(pairs: Sequence[tuple[bool, bool, str]], added: float = 0.5) -> Measure:
    """Cohen's kappa (1960) of (one rater, other rater, case), in -1..1, with its interval.

    The standard error is that of Fleiss, Cohen and Everitt (Psychological Bulletin 72, 1969), as a sum
    over observations; those of one case are summed before they are squared, since they may stand or
    fall together. The interval is taken with ``added`` observations in each cell of the
    table: without, it has width 0 on complete agreement, and in 20,000 simulated samples of 60 at a
    kappa of 0.98 it held the truth in 45%; with a half, in 93% or more at every kappa tried, 0.08 to 1.
    None where neither rater ever used one of the two answers: agreement then says nothing.
    """
    counts = Counter((one, other) for one, other, _ in pairs)
    value = _kappa(counts)
    if value is None:
        return Measure(None, n=len(pairs))
    table = {cell: counts[cell] + added for cell in CELLS}
    n, middle = sum(table.values()), _kappa(table) or 0.0
    rows = {side: (table[side, True] + table[side, False]) / n for side in (True, False)}
    columns = {side: (table[True, side] + table[False, side]) / n for side in (True, False)}
    chance = sum(rows[side] * columns[side] for side in rows)
    # How far one observation in each cell pulls kappa from its mean.
    pull = {
        (i, j): ((i == j) - (1 - middle) * (columns[i] + rows[j] - chance) - middle) / (n * (1 - chance))
        for i, j in CELLS
    }
    by_case: dict[str, float] = defaultdict(float)
    for one, other, case in pairs:
        by_case[case] += pull[one, other]
    squares = sum(pulled**2 for pulled in by_case.values()) + added * sum(p**2 for p in pull.values())
    half = Z * math.sqrt(squares)
    return Measure(value, max(-1.0, middle - half), min(1.0, middle + half), len(pairs))


def _kappa(table: Mapping[tuple[bool, bool], float]) -> float | None:
    """Kappa in counts, where agreement on a constant is exactly 0."""
    a, b, c, d = (table[cell] for cell in CELLS)
    chance_left = (a + b) * (b + d) + (a + c) * (c + d)
    return 2 * (a * d - b * c) / chance_left if chance_left else None


def spearman(xs: Sequence[float], ys: Sequence[float]) -> Measure:
    """Spearman's rank correlation, ties at their mean rank, in -1..1.

    The interval is Fisher's transformation with Bonett and Wright's variance (Psychometrika 65, 2000);
    none below 4 pairs or at a correlation of exactly 1 or -1. None where either side never varies.
    """
    n = len(xs)
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return Measure(None, n=n)
    a, b = _ranks(xs), _ranks(ys)
    middle = (n + 1) / 2
    product = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    spread = math.sqrt(sum((x - middle) ** 2 for x in a) * sum((y - middle) ** 2 for y in b))
    value = max(-1.0, min(1.0, product / spread))
    if n < 4 or abs(value) == 1:
        return Measure(value, n=n)
    half = Z * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Measure(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half), n)


def _ranks(values: Sequence[float]) -> list[float]:
    places = defaultdict(list)
    for place, value in enumerate(sorted(values), start=1):
        places[value].append(place)
    return [sum(places[value]) / len(places[value]) for value in values]
