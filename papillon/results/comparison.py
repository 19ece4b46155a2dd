"""Comparison: what changed between two runs, example by example, as data; without any text of a row.

Whether two runs can be compared at all is decided here, from what they say of themselves; what their rows come to is
the harness's matter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from papillon.reading import read
from papillon.results.judging import Measure
from papillon.results.result import RunResult
from papillon.results.run import RunInfo

__all__ = [
    "FLIPPING",
    "Change",
    "Comparison",
    "CorrectedChange",
    "Differing",
    "Flipped",
    "Slice",
    "SliceChange",
    "SlicedBy",
    "SplitComparison",
    "incomparable",
    "selected",
]

#: The metrics by which an example flips, in the order in which they are told.
FLIPPING = ("overall", "quality", "leakage", "errors")
#: What examples of one slice share: their category, the length of their query, its script, or their number of units.
SlicedBy = Literal["category", "length", "script", "units"]


@dataclass(frozen=True)
class Differing:
    """One thing in which the runs differ, as each of them names it; "" where one has none."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One metric's change over the ``n`` examples that both runs scored, in ``groups`` independent groups.

    ``before`` and ``after`` are means in 0..1, ``difference`` is after − before with its 95% interval ``low`` ..
    ``high``, from paired examples. ``p`` is the chance of so large a change where nothing changed: for quality by exact
    McNemar on deduplicated examples, else by the paired cluster bootstrap; of a split's metrics after Holm's correction
    over those that differ at all, of a slice's as it is. ``moved`` says that it is more than chance (p up to 0.05).
    ``smallest`` is the smallest difference that could have been seen. ``rose`` and ``fell`` count examples.
    """

    metric: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    n: int
    groups: int
    rose: int
    fell: int
    p: float
    moved: bool
    smallest: float

    def __post_init__(self) -> None:
        for name in ("before", "after", "difference", "low", "high", "p", "smallest"):
            # Beyond 6 places two machines may differ.
            object.__setattr__(self, name, round(getattr(self, name), 6) + 0.0)


@dataclass(frozen=True)
class CorrectedChange:
    """The change of one metric as people's labels correct it on both sides, over the examples that both runs scored.

    The figures are those of :class:`Change`, all None where it is too ``early`` for them, and that says why;
    ``labels_before`` and ``labels_after`` count each side's independent labels.
    """

    metric: str
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    labels_before: int = 0
    labels_after: int = 0
    early: str = ""

    def __post_init__(self) -> None:
        for name in ("before", "after", "difference", "low", "high"):
            if (figure := getattr(self, name)) is not None:
                object.__setattr__(self, name, round(figure, 6) + 0.0)


@dataclass(frozen=True)
class Flipped:
    """An example whose scores differ between the runs: each metric's value on both sides, a mean over its trials."""

    id: str
    before: dict[str, float]
    after: dict[str, float]


@dataclass(frozen=True)
class Slice:
    """The examples of one split and one run that share what ``by`` says; ``scores`` are means by metric, each in 0..1
    with its interval."""

    by: SlicedBy
    name: str
    n: int
    groups: int
    scores: dict[str, Measure]


@dataclass(frozen=True)
class SliceChange:
    """The same examples in two runs: how each metric changed over them."""

    by: SlicedBy
    name: str
    n: int
    changes: tuple[Change, ...]

    @property
    def moved(self) -> tuple[Change, ...]:
        """The changes that are more than chance, were this slice the only one that was looked at."""
        return tuple(change for change in self.changes if change.moved)


@dataclass(frozen=True)
class SplitComparison:
    """One split of two runs: how many examples they share and how many stand in one only, and what changed.

    ``unscored`` counts the shared examples that one side has no score for; they are left out. ``flipped`` are the
    examples whose quality, leakage, overall or status changed, the largest worsening first. Of the slices'
    changes ``looked`` were looked at, and up to about ``by_chance`` of these would move with nothing changed.
    ``corrected`` has the changes that people's labels correct, where both runs have labels.
    """

    split: str
    shared: int
    before_only: int
    after_only: int
    unscored: int
    changes: tuple[Change, ...]
    flipped: tuple[Flipped, ...]
    slices: tuple[SliceChange, ...]
    looked: int
    by_chance: float
    corrected: tuple[CorrectedChange, ...] = ()

    def change(self, metric: str) -> Change | None:
        """The change of one metric, None where no example has it on both sides."""
        return next((change for change in self.changes if change.metric == metric), None)


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other, by their ids; ``refused`` says why they cannot be compared, "" where they can.

    ``differing`` names what else differs between them; ``unchanged`` says that both have the same rows, apart from
    times. A split that only one of the runs has is among ``splits``, with no example shared.
    """

    before: str
    after: str
    refused: str
    differing: tuple[Differing, ...]
    splits: tuple[SplitComparison, ...]
    unchanged: bool

    @property
    def comparable(self) -> bool:
        """Whether the runs can be compared."""
        return not self.refused

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["differing"] = list(data["differing"])
        data["splits"] = [
            {
                **split,
                "changes": list(split["changes"]),
                "flipped": list(split["flipped"]),
                "corrected": list(split["corrected"]),
                "slices": [{**each, "changes": list(each["changes"])} for each in split["slices"]],
            }
            for split in data["splits"]
        ]
        return data

    @classmethod
    def from_json(cls, data: object) -> Comparison:
        """The other way; raises :class:`papillon.reading.Unreadable`."""
        return read(cls, data)


def incomparable(before: RunInfo, after: RunInfo) -> str:
    """Why the scores of two runs cannot be compared, as a sentence's part, or "": data, split, judge, definitions."""
    one, other = before.dataset, after.dataset
    if one.sha256 != other.sha256:
        same = " of the same name but with other rows" if one.name == other.name else ""
        return f"they are over other data ({one.name} and {other.name}{same})"
    if one.split != other.split:
        return f"their data are split in other ways ({one.split} and {other.split})"
    if before.models.judge != after.models.judge:
        return f"other judges scored them ({before.models.judge} and {after.models.judge})"
    if before.judged_by and after.judged_by and before.judged_by != after.judged_by:
        return f"the judge {after.models.judge} was asked in other words (its prompts differ)"
    if before.scores != after.scores:
        return f"their scores are of other definitions (versions {before.scores} and {after.scores})"
    return ""


def selected(result: RunResult) -> str:
    """Why a run saw a part of its splits only, as a sentence's part, or "" where it saw all of them and scored them.

    What chose its examples (-k, a limit, a shard) decides its scores, so it is compared only where it is named.
    """
    if not result.rows:
        return "it has no rows"
    for split in result.splits:
        whole = result.run.dataset.sizes.get(split.name, split.selected)
        if split.selected < whole:
            return f"it saw {split.selected} of {whole} examples of {split.name}"
    wanted = result.run.trials * sum(split.selected for split in result.splits)
    scored = sum(row.status != "infrastructure_error" for row in result.rows)
    return f"{wanted - scored} of its {wanted} rows have no score" if scored < wanted else ""
