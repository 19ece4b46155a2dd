"""Trade-off: quality against leakage as a picture, with how much of the task was carried, of runs and of what others
report; a view that decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papillon.pictures import Dot, Picture, below, scatter
from papillon.results import ControlResult, Measure
from papillon.results.published import PUBLISHED

__all__ = ["Scores", "controls_beside", "trade_off"]

#: A run's scores by split and metric.
Scores = Mapping[str, Mapping[str, Measure]]
#: The controls that answer; the others lie where their definition puts them.
_LAID_BESIDE = ("verbatim", "redacted", "local-only")


def trade_off(runs: Sequence[tuple[str, Scores]]) -> Picture:
    """Each named run's quality against its leakage, with their intervals, in a sign the larger the more it carried,
    beside the published points, whose data and judges are others; one drawing for each split."""
    splits = sorted({split for _, scores in runs for split in scores})
    pictures = [_drawn(split, runs) for split in splits]
    return pictures[0] if len(pictures) == 1 else below("Quality against leakage", pictures)


def controls_beside(runs: Sequence[tuple[str, Sequence[ControlResult]]]) -> list[tuple[str, Scores]]:
    """The controls that answer, as named points beside their runs; one that came to the same in all runs is one."""
    found: dict[tuple[str, str], dict[tuple[float | None, ...], list[str]]] = {}
    for run, controls in runs:
        for control in controls:
            if control.name in _LAID_BESIDE and control.quality is not None:
                figures = control.quality, control.leakage, control.carried
                found.setdefault((control.name, control.split), {}).setdefault(figures, []).append(run)
    points: dict[str, dict[str, Mapping[str, Measure]]] = {}
    for (name, split), alike in sorted(found.items(), key=lambda each: _LAID_BESIDE.index(each[0][0])):
        for seen, own in alike.items():
            named = f"control {name}" if len(alike) == 1 else f"{name} of {', '.join(own)}"
            means = zip(("quality", "leakage", "carried"), map(Measure, seen), strict=True)
            points.setdefault(named, {})[split] = dict(means)
    return list(points.items())


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
