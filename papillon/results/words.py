"""Words: figures of a result as people read them, the same in a verdict's note and in every report."""

from __future__ import annotations

from collections.abc import Sequence

from papillon.results.comparison import FLIPPING, Change, Flipped, SliceChange, SplitComparison
from papillon.results.gates import Flip
from papillon.results.judging import Measure
from papillon.results.rows import COSTS

__all__ = [
    "LEGEND",
    "NOTHING_DIFFERS",
    "between",
    "changed",
    "corrected_changes",
    "could_not_see",
    "could_see",
    "counted",
    "direction",
    "first_of",
    "flip_figures",
    "interval",
    "looked_at",
    "moves",
    "number",
    "points",
    "shared",
    "sliced",
    "what_moved",
]

#: What two runs beside each other need to be read.
LEGEND = (
    "difference: after − before over the examples that both runs scored, paired; beyond chance: exact McNemar on "
    "deduplicated rows for quality, else the paired cluster bootstrap, with Holm over a split's metrics and without "
    "over slices; so an interval without 0 alone is not enough"
)
NOTHING_DIFFERS = "Nothing that their results name differs: profile, program, models, versions."

_SLICED = {"category": "category", "length": "characters of query", "script": "script", "units": "PII units"}


def number(value: float | None) -> str:
    """A figure with three places, – where there is none."""
    return "–" if value is None else f"{value:.3f}"


def counted(many: int, what: str) -> str:
    """How many of what: 1 row, 2 rows."""
    return f"{many} {what}{'' if many == 1 else 's'}"


def points(share: float) -> str:
    """A share of 1 in percentage points."""
    return f"{100 * share:.1f} points"


def moves(flipped: Sequence[Flip]) -> str:
    """How many examples rose and how many fell."""
    rose = sum(flip.after > flip.before for flip in flipped)
    return f"{rose} rose, {len(flipped) - rose} fell"


def could_see(share: float) -> str:
    """The smallest difference that a gate could have seen, in words; a metric of 0..1 has none of more than 1."""
    if share > 1:
        return "it could not have seen a difference of 100 points"
    return f"the smallest difference it could have seen is {points(share)}"


def could_not_see(share: float) -> str:
    """The same of a worsening."""
    return f"a worsening under {points(min(share, 1.0))} could not have been seen"


def interval(measure: Measure) -> str:
    """A measure's interval, ``""`` without one."""
    return "" if measure.low is None or measure.high is None else f"{measure.low:.3f} … {measure.high:.3f}"


def between(measure: Measure) -> str:
    """A measure in a sentence, with its interval where it has one."""
    limits = interval(measure).replace("…", "to")
    return f"{number(measure.value)} ({limits})" if limits else number(measure.value)


def first_of(names: Sequence[str], most: int) -> list[str]:
    """The first names, and how many more there are."""
    rest = len(names) - most
    return [*names[:most], *([f"{rest} more"] if rest > 0 else [])]


def direction(change: Change) -> str:
    """Which way a metric moved beyond chance, "no" where it did not; what was carried is neither better nor worse."""
    if not change.moved:
        return f"no{_beside_others(change)}"
    rose = change.difference > 0
    if change.metric == "carried":
        return "more" if rose else "less"
    return "worse" if rose == (change.metric in COSTS) else "better"


def _beside_others(change: Change) -> str:
    """Why an interval without 0 shows nothing: Holm's correction asks more of each of several metrics."""
    return ", as one of several" if not change.moved and (change.low > 0 or change.high < 0) else ""


def changed(change: Change) -> str:
    """A metric's change in a sentence, with its interval and whether it is more than chance."""
    if not change.rose + change.fell:
        return f"{change.metric} {number(change.after)} as before"
    chance = "more than chance" if change.moved else f"not more than chance{_beside_others(change)}"
    figures = f"{change.difference:+.3f}, {change.low:+.3f} … {change.high:+.3f}"
    return f"{change.metric} {number(change.before)} → {number(change.after)} ({figures}, {chance})"


def corrected_changes(split: SplitComparison) -> list[str]:
    """What changed of the figures that people's labels correct, a sentence each; none where a run has no labels."""
    said = []
    for change in split.corrected:
        if change.early or change.difference is None or change.low is None or change.high is None:
            said.append(f"{split.split} {change.metric} cannot be corrected by labels on both sides: {change.early}.")
            continue
        labels = f"{change.labels_before} labels before, {change.labels_after} after"
        figures = f"{change.difference:+.3f}, {change.low:+.3f} … {change.high:+.3f}, paired"
        moved = f"{number(change.before)} → {number(change.after)}"
        said.append(f"{split.split} {change.metric} corrected by labels {moved} ({figures}; {labels}).")
    return said


def what_moved(split: SplitComparison) -> str:
    """A split's quality and leakage, and what moved beyond chance beside them, in a sentence's part; overall and joint
    follow from the two."""
    beside = [change for change in split.changes if change.moved and change.metric in ("carried", "errors")]
    told = [change for change in split.changes if change.metric in ("quality", "leakage")] + beside
    return f"{split.split} {', '.join(map(changed, told))}"


def shared(split: SplitComparison) -> str:
    """How many examples both runs have, and how many are left out."""
    said = [f"{split.shared} example{'' if split.shared == 1 else 's'} in both"]
    said += [f"{n} {where} only" for n, where in ((split.before_only, "before"), (split.after_only, "after")) if n]
    return ", ".join([*said, *([f"{split.unscored} without a score on one side, left out"] if split.unscored else [])])


def flip_figures(flip: Flipped) -> dict[str, str]:
    """Each score of a flipped example on both sides, by metric; once where it is the same."""
    pairs = {name: (flip.before.get(name), flip.after.get(name)) for name in FLIPPING}
    return {
        name: _short(before) + (f" → {_short(after)}" if before != after else "")
        for name, (before, after) in pairs.items()
    }


def _short(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def sliced(part: SliceChange) -> str:
    """A slice by what its examples share."""
    return f"{_SLICED[part.by]}: {part.name}"


def looked_at(split: SplitComparison) -> str:
    """How many changes in slices were looked at, how many of them would move by chance, and how many did."""
    if not split.looked:
        return f"no slice of {split.split} is large enough to be looked at"
    sizes = sum(bool(part.changes) for part in split.slices)
    moved = sum(len(part.moved) for part in split.slices)
    return (
        f"{split.looked} changes in {sizes} slices of {split.split} were looked at, of which up to "
        f"{split.by_chance:.1f} would move by chance; {moved or 'none'} moved"
    )
