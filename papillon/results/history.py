"""History: scores over time, as data: for each set of comparable runs what each of them came to, with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from papillon.errors import UsageError
from papillon.results.judging import Measure
from papillon.results.rows import METRICS
from papillon.spelling import nearest

__all__ = ["SHOWN", "Bound", "Entry", "History", "Strand", "chosen"]

#: The metrics that are shown where none is asked for.
SHOWN = ("quality", "leakage", "overall", "carried")


def chosen(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """The metrics that a user asks for, each once, or SHOWN; UsageError for a name that is none."""
    for metric in metrics or ():
        if metric not in (known := (*METRICS, "gain")):
            near = nearest(metric, known)
            remedy = f"did you mean {near}?" if near else "name one of them."
            raise UsageError(f"--metric: expected one of {', '.join(known)}, got {metric!r}; {remedy}")
    return tuple(dict.fromkeys(metrics or SHOWN))


@dataclass(frozen=True)
class Entry:
    """One run in one split: its scores by metric, how many examples it saw, and its gates' verdicts, each counted.

    A score is a mean over ``n`` examples with its 95% interval, without a value where the run has none.
    """

    run: str
    started: str
    seen: int
    scores: dict[str, Measure]
    verdicts: dict[str, int]


@dataclass(frozen=True)
class Bound:
    """What a gate asked of a metric: at least ``min``, or at most ``max``."""

    metric: str
    min: float | None
    max: float | None


@dataclass(frozen=True)
class Strand:
    """Comparable runs of one profile in one split of ``whole`` examples, the oldest first.

    ``way`` is how the data were split; ``bounds`` and ``baselines``, accepted means by metric, are those of the newest
    run that has any.
    """

    profile: str
    data: str
    way: str
    judge: str
    split: str
    whole: int
    entries: tuple[Entry, ...]
    bounds: tuple[Bound, ...] = ()
    baselines: dict[str, float] | None = None


@dataclass(frozen=True)
class History:
    """Strands in the order of their newest runs, for these metrics; ``left_out`` says of other runs why, by id."""

    metrics: tuple[str, ...]
    strands: tuple[Strand, ...]
    left_out: dict[str, str]
