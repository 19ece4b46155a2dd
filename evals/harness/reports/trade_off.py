"""Trade-off: quality against leakage as a picture, with how much of the task was carried, of runs and of what others
report; a view that decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papillon.pictures import Dot, Picture, below, scatter
from papillon.results import Measure
from papillon.results.published import PUBLISHED

__all__ = ["Scores", "trade_off"]

#: A run's scores by split and metric.
Scores = Mapping[str, Mapping[str, Measure]]


def trade_off(runs: Sequence[tuple[str, Scores]]) -> Picture:
    """Each named run's quality against its leakage, with their intervals, in a sign the larger the more it carried,
    beside the published points, whose data and judges are others; one drawing for each split."""
    splits = sorted({split for _, scores in runs for split in scores})
    pictures = [_drawn(split, runs) for split in splits]
    return pictures[0] if len(pictures) == 1 else below("Quality against leakage", pictures)


def _drawn(split: str, runs: Sequence[tuple[str, Scores]]) -> Picture:
    dots = []
    for name, scores in runs:
        of = scores.get(split, {})
        quality, leakage = of.get("quality"), of.get("leakage")
        if quality is None or quality.value is None or leakage is None or leakage.value is None:
            continue
        carried = of["carried"].value if "carried" in of else None
        dots.append(Dot(name, leakage.value, quality.value, _interval(leakage), _interval(quality), carried))
    dots += [
        Dot(each.system, each.leakage, each.quality, published=True, said=f"{each.data}, judged by {each.judge}")
        for each in PUBLISHED
        if each.quality is not None and each.leakage is not None
    ]
    return scatter(
        f"Quality against leakage on {split}",
        dots,
        "leakage",
        "quality",
        sized="carried",
        description="Better is higher and further left; a larger sign carried more of the task; hollow is what others "
        "report, with other data or judges.",
    )


def _interval(measure: Measure) -> tuple[float, float] | None:
    return None if measure.low is None or measure.high is None else (measure.low, measure.high)
