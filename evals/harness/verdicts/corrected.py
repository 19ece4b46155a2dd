"""Corrected figures: a judge's mean, moved by what people's labels of some rows say about how the judge errs.

Plain numbers in, an estimate out. Prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633) with power
tuning (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453): the mean of factor · judge over all rows, plus the
weighted mean of label − factor · judge over the labelled ones. The factor that makes the variance least is the slope of
the labels on the judge's scores; for a judge of 0 and 1 that is post-stratification by its verdict, for any it is the
regression estimator of survey sampling (Särndal, Swensson and Wretman 1992, chapter 6). Which rows and labels enter is
for ``labelled``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evals.harness.verdicts.statistics import t_value

__all__ = [
    "Estimate",
    "JudgedRow",
    "Line",
    "beside_known",
    "by_group",
    "estimate",
    "mean_with_pulls",
    "squares",
    "unknown_groups",
]

#: So many labels are added at each corner of (judge, label) before a variance is taken: a few labels that all agree
#: with the judge would else claim to know that it never errs. Chosen by simulation (docs/decisions.md).
ADDED = 0.2


@dataclass(frozen=True)
class JudgedRow:
    """One row in one metric: the judge's score in 0..1, and a person's ``label`` in 0..1, None where nobody gave one.

    ``weight`` is the row's part of its example: 1 over the example's trials. A score that is ``known`` without a judge
    is kept, whatever its label: a program error's, which is not ``drawable``, since nobody is asked about that row; and
    the leakage of a row without units, whose label says that it was drawn.
    """

    group: str
    judge: float
    label: float | None = None
    weight: float = 1.0
    known: bool = False
    drawable: bool = True

    @property
    def labelled(self) -> bool:
        """Whether a person said what nobody knew."""
        return self.label is not None and not self.known


@dataclass(frozen=True)
class Estimate:
    """A mean in 0..1 with its 95% interval, and what it would take to pair it with another or to narrow it.

    ``labelled`` is the number of independent labels: groups that have one. ``factor`` is the judge's part, 0 where the
    labels stand alone. ``pulls`` has, for each group, how far its rows draw the mean from its expectation: their
    squares and ``added``, the part of the added labels, sum to the variance, which has ``df`` degrees of freedom.
    """

    value: float
    low: float
    high: float
    labelled: int
    factor: float
    pulls: Mapping[str, float] = field(repr=False)
    added: float
    df: float


def estimate(rows: Sequence[JudgedRow], *, judged: bool = True) -> Estimate:
    """The corrected mean over ``rows``, or with ``judged`` False the mean that the labels alone give.

    The target is the mean of the population that the rows are a sample of, so the number of rows leaves its part of
    the uncertainty too. Groups with a label are a random sample of all groups, and a group's labelled rows stand for
    all of its drawable ones: it counts once, with their weight. Where its drawn row has a known score it tells nothing,
    and others like it whose other rows were drawn stand for it too (a mean over a domain: Särndal, Swensson and
    Wretman 1992, section 10.3). ValueError without a label.

    The interval is Wilson's (1927) on the effective number of labels, value · (1 − value) / variance (Korn and
    Graubard, Survey Methodology 24, 1998), with Student's t at Satterthwaite's (1946) degrees of freedom. Known scores
    are put beside it with the uncertainty of their share (Zou and Donner, Statistics in Medicine 27, 2008).
    """
    unknown = [row for row in rows if not row.known]
    fit = _Fit(unknown, judged, _standing(rows))
    labels, judge = fit.label_pulls(), fit.judge_pulls()
    together = {group: labels.get(group, 0.0) + pull for group, pull in judge.items()}
    of_labels, of_judge = squares(labels) + fit.added, squares(judge)
    df = (of_labels + of_judge) ** 2 / (of_labels**2 / fit.df + of_judge**2 / max(len(judge) - 1, 1))
    t, value = t_value(0.975, df), min(max(fit.value, 0.0), 1.0)
    low, high = _wilson(value, fit.middle * (1 - fit.middle) / (squares(together) + fit.added), t)
    whole = beside_known(rows, value, low, high, t)
    return Estimate(
        value=whole.value,
        low=whole.low,
        high=whole.high,
        labelled=len(labels),
        factor=fit.slope,
        pulls={group: whole.share * together.get(group, 0.0) + pull for group, pull in whole.pulls.items()},
        added=whole.share**2 * fit.added,
        df=df,
    )


@dataclass(frozen=True)
class Beside:
    """A mean in 0..1 of all rows, known scores among them, and its interval.

    ``share`` is that of the rows without a known score, ``pulls`` is what each group's part of them adds to the error.
    """

    value: float
    low: float
    high: float
    share: float
    pulls: Mapping[str, float]


def beside_known(rows: Sequence[JudgedRow], value: float, low: float, high: float, t: float) -> Beside:
    """What the whole comes to where the rows without a known score have this mean and this interval."""
    mean, pulls = mean_with_pulls(rows, [row.judge if row.known else value for row in rows])
    share = math.fsum(row.weight for row in rows if not row.known) / math.fsum(row.weight for row in rows)
    of_share = t * math.sqrt(squares(pulls))
    return Beside(
        mean,
        max(0.0, mean - math.hypot(share * (value - low), of_share)),
        min(1.0, mean + math.hypot(share * (high - value), of_share)),
        share,
        pulls,
    )


def unknown_groups(rows: Iterable[JudgedRow]) -> set[str]:
    """The groups that have a row without a known score."""
    return {row.group for row in rows if not row.known}


class Line:
    """The least-squares line of weighted points (x, y, weight); level where x is the same in all."""

    def __init__(self, points: Sequence[tuple[float, float, float]]) -> None:
        total = math.fsum(weight for *_, weight in points)
        self.x = math.fsum(x * weight for x, _, weight in points) / total
        mean = math.fsum(y * weight for _, y, weight in points) / total
        self.spread = math.fsum(weight * (x - self.x) ** 2 for x, _, weight in points) / total
        self.level = self.spread < 1e-12
        along = math.fsum(weight * (x - self.x) * (y - mean) for x, y, weight in points) / total
        self.slope = 0.0 if self.level else along / self.spread
        self.start = mean - self.slope * self.x

    def at(self, x: float) -> float:
        """How high the line is."""
        return self.start + self.slope * x


class _Fit:
    """The labels of rows on the judge's scores, each with the weight that it has in the corrected mean.

    That weight makes the mean of the judge's scores over the labelled rows what it is over all rows (Särndal, Swensson
    and Wretman, Biometrika 76, 1989), so ``value``, their weighted mean, is the corrected mean; ``slope`` is
    the judge's factor. ``middle`` is the mean with the labels of ADDED, never 0 or 1, and ``added`` their variance.
    """

    def __init__(self, rows: Sequence[JudgedRow], judged: bool, standing: Mapping[str, float]) -> None:
        self._rows, self._judge = rows, [row.judge if judged else 0.0 for row in rows]
        points = _points(rows, self._judge, standing)
        self._labelled = [row for row in rows if row.label is not None]
        line = Line(points)
        mean = mean_with_pulls(rows, self._judge)[0]
        tilt = 0.0 if line.level else (mean - line.x) / line.spread
        self._off = [(x, y, weight * (1 + tilt * (x - line.x))) for x, y, weight in points]
        self.value, self.slope = math.fsum(y * weight for _, y, weight in self._off), line.slope

        size = 1 / squares(by_group(self._labelled, [weight for *_, weight in points]))  # Kish's: so many equal ones
        ends = {min(self._judge), max(self._judge)} if not line.level else {line.x}
        corners = [(end, label, ADDED / size) for end in sorted(ends) for label in (0.0, 1.0)]
        self._line = Line([*points, *corners])
        share = 1 / (1 + math.fsum(weight for *_, weight in corners))
        self._root = math.sqrt(share)
        self.middle = min(max(self._line.at(mean), share * ADDED / size), 1 - share * ADDED / size)
        pulls = ((1 + tilt * (x - line.x)) * (y - self._line.at(x)) / size for x, y, _ in corners)
        self.added = share * ADDED * math.fsum(pull**2 for pull in pulls)
        weights = by_group(self._labelled, [weight for *_, weight in self._off])
        self.df = max(1.0, 1 / squares(weights) - len(ends))

    def label_pulls(self) -> dict[str, float]:
        """What the labels of each group add to the error: how far they lie off the line."""
        return by_group(self._labelled, [self._root * weight * (y - self._line.at(x)) for x, y, weight in self._off])

    def judge_pulls(self) -> dict[str, float]:
        """What the judge's scores of each group, over all rows, add to it."""
        return mean_with_pulls(self._rows, [self.slope * score for score in self._judge])[1]


def _standing(rows: Sequence[JudgedRow]) -> dict[str, float]:
    """For each group with labels, how many times their weight the rows weigh that could be drawn from it."""
    drawable = [row for row in rows if row.drawable]
    whole = by_group(drawable, [row.weight for row in drawable])
    own = by_group(drawable, [0.0 if row.label is None else row.weight for row in drawable])
    return {group: whole[group] / weight for group, weight in own.items() if weight}


def _points(
    rows: Sequence[JudgedRow], judge: Sequence[float], standing: Mapping[str, float]
) -> list[tuple[float, float, float]]:
    """Each label beside the judge's score, with the share for which it stands of what all labels stand for."""
    points = [
        (score, row.label, row.weight * standing[row.group])
        for row, score in zip(rows, judge, strict=True)
        if row.label is not None
    ]
    if not points:
        raise ValueError("an estimate needs at least one label")
    whole = math.fsum(weight for *_, weight in points)
    return [(score, label, weight / whole) for score, label, weight in points]


def mean_with_pulls(rows: Sequence[JudgedRow], scores: Sequence[float]) -> tuple[float, dict[str, float]]:
    """The weighted mean of scores, and what each group adds to its error (with G/(G-1), as ``GroupedMean`` has it)."""
    whole = math.fsum(row.weight for row in rows)
    mean = math.fsum(row.weight * score for row, score in zip(rows, scores, strict=True)) / whole
    off = by_group(rows, [row.weight * (score - mean) / whole for row, score in zip(rows, scores, strict=True)])
    few = math.sqrt(len(off) / (len(off) - 1)) if len(off) > 1 else 1.0
    return mean, {group: few * pull for group, pull in off.items()}


def by_group(rows: Iterable[JudgedRow], values: Iterable[float]) -> dict[str, float]:
    """The sum of the rows' values in each group."""
    sums: dict[str, float] = defaultdict(float)
    for row, value in zip(rows, values, strict=True):
        sums[row.group] += value
    return dict(sums)


def squares(pulls: Mapping[str, float]) -> float:
    """The variance that the pulls of independent groups make."""
    return math.fsum(pull**2 for pull in pulls.values())


def _wilson(value: float, size: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share over ``size`` independent answers, which need not be a whole number."""
    middle = (value + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * math.sqrt(value * (1 - value) / size + z**2 / (4 * size**2))
    return max(0.0, middle - half), min(1.0, middle + half)
