"""Judge errors: how a judge errs by the labels of other runs, and what its mean in this one comes to if it errs alike.

Rogan and Gladen's estimate (American Journal of Epidemiology 107, 1978): of a judge's mean the share of wrong yeses is
taken off, and what is left is put up by the share of yeses that it misses. Written as the line of its scores on
people's labels, whose ends are 1 − specificity and sensitivity, it serves shares of units as well as yes and no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evals.harness.verdicts.corrected import JudgedRow, Line, beside_known, by_group, mean_with_pulls, squares
from evals.harness.verdicts.labelled import LEAST_LABELS
from evals.harness.verdicts.statistics import t_value
from papillon.results.correction import Assumed

__all__ = ["assumed"]

#: Labels added at each corner of (label, judge), as Lang and Reiczigel (Preventive Veterinary Medicine 113, 2014) do
#: with sensitivity and specificity.
_ADDED = 1.0
#: The interval is looked for in steps of this size.
_STEPS = 1000


def assumed(rows: Sequence[JudgedRow], elsewhere: Sequence[JudgedRow]) -> Assumed | None:
    """What the judge's mean over ``rows`` comes to if it errs in them as in the labelled rows ``elsewhere``.

    None with labels of fewer than LEAST_LABELS groups, or where people give all of them the same. The interval holds
    every mean that both the rows' scores and the labels allow (Fieller 1954), by groups; known scores stay as they are.
    """
    points = [(row.label, row.judge, row.weight) for row in elsewhere if row.label is not None]
    labelled = [row for row in elsewhere if row.label is not None]
    groups = len({row.group for row in labelled})
    unknown = [row for row in rows if not row.known]
    if groups < LEAST_LABELS or not unknown:
        return None
    line = Line(points)
    if line.level:
        return None
    errors = _Errors(points, labelled)
    judge, pulls = mean_with_pulls(unknown, [row.judge for row in unknown])
    t = t_value(0.975, max(1, groups - 2))
    # The line may leave 0..1 beyond the labels, which are shares; neither of the two can.
    sensitivity, specificity = (min(max(end, 0.0), 1.0) for end in (line.at(1.0), 1 - line.at(0.0)))

    def told(value: float | None, low: float | None, high: float | None, why: str = "") -> Assumed:
        value, low, high = (None if figure is None else round(figure, 6) for figure in (value, low, high))
        return Assumed(value, low, high, groups, round(sensitivity, 6), round(specificity, 6), why)

    if errors.line.slope <= t * errors.of_slope:
        return told(None, None, None, "there the judge hardly follows people's labels")
    of_rows = squares(pulls)
    steps = (each / _STEPS for each in range(_STEPS + 1))
    allowed = [x for x in steps if (judge - errors.line.at(x)) ** 2 <= t**2 * (of_rows + errors.variance(x))]
    if not allowed:
        return told(None, None, None, "the judge's mean here lies beyond all that it gave there")
    value = min(max((judge - line.start) / line.slope, allowed[0]), allowed[-1])
    whole = beside_known(rows, value, allowed[0], allowed[-1], t)
    return told(whole.value, whole.low, whole.high)


class _Errors:
    """The line of the judge's scores on people's labels, steadied by added labels, and what is unsure about it."""

    def __init__(self, points: Sequence[tuple[float, float, float]], labelled: Sequence[JudgedRow]) -> None:
        total = math.fsum(weight for *_, weight in points)
        part = [weight / total for *_, weight in points]
        size = 1 / squares(by_group(labelled, part))
        corners = [(label, judge, _ADDED / size) for label in (0.0, 1.0) for judge in (0.0, 1.0)]
        weighted = [(x, y, weight) for (x, y, _), weight in zip(points, part, strict=True)]
        self.line = line = Line([*weighted, *corners])
        total = 1 + 4 * _ADDED / size
        # What each group pulls the line's height by, and its slope.
        heights = by_group(labelled, [weight / total * (y - line.at(x)) for x, y, weight in weighted])
        slopes = by_group(
            labelled, [weight / total * (y - line.at(x)) * (x - line.x) / line.spread for x, y, weight in weighted]
        )
        pulls = [(heights[group], slopes[group]) for group in heights]
        for x, y, weight in corners:
            pull = weight / total * (y - line.at(x)) / math.sqrt(_ADDED)
            pulls.append((pull, pull * (x - line.x) / line.spread))
        self._of_height = math.fsum(height**2 for height, _ in pulls)
        self._of_both = math.fsum(height * slope for height, slope in pulls)
        self._of_slope = math.fsum(slope**2 for _, slope in pulls)

    @property
    def of_slope(self) -> float:
        """The standard error of the slope."""
        return math.sqrt(self._of_slope)

    def variance(self, x: float) -> float:
        """That of the line's height."""
        along = x - self.line.x
        return self._of_height + 2 * along * self._of_both + along**2 * self._of_slope
