"""Changes: what stands above the examples of two runs: what differs, what moved, what flipped, which slices moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evals.harness.reports.page.pictures import delegation
from evals.harness.reports.trade_off import Scores
from papillon.results import RunResult
from papillon.results.comparison import Change, Comparison, SplitComparison
from papillon.results.rows import COSTS
from papillon.results.traces import Trace
from papillon.results.words import LEGEND, corrected_changes, looked_at, points, what_moved

__all__ = ["Side", "changes"]

#: So many flipped examples are named above the table, which has all of them.
_FLIPS = 12

#: A run, the texts of its rows, None where there are none, and its scores.
Side = tuple[RunResult, Iterable[Trace] | None, Scores]


def changes(comparison: Comparison, before: Side, after: Side) -> dict[str, Any]:
    """What the template shows of two runs, by name."""
    runs = [(name, result.run) for name, (result, _, _) in (("before", before), ("after", after))]
    return {
        "comparison": comparison,
        "runs": runs,
        "verdict": _verdict(comparison),
        "legend": LEGEND,
        "sentences": [what_moved(split) for split in comparison.splits if split.shared],
        "splits": [_split(split) for split in comparison.splits],
        "pictures": [*delegation([("before", before[2]), ("after", after[2])])],
        "linked": max(before[0].run.trials, after[0].run.trials) == 1,
    }


def _verdict(comparison: Comparison) -> str:
    """Whether anything moved beyond chance, as a colour: for the worse before for the better."""
    moved = [change for split in comparison.splits for change in split.changes if change.moved]
    if any(worse(change) for change in moved):
        return "fail"
    return "pass" if moved else "deferred"


def worse(change: Change) -> bool:
    """Whether the metric went the bad way."""
    return (change.difference < 0) != (change.metric in COSTS)


def _split(split: SplitComparison) -> dict[str, Any]:
    slices = [(each, change) for each in split.slices for change in each.moved]
    return {
        "split": split,
        "changes": [
            (change, "" if not change.moved else "fail" if worse(change) else "pass") for change in split.changes
        ],
        "looked": looked_at(split),
        "corrected": corrected_changes(split),
        "sees": {change.metric: points(min(1.0, change.smallest)) for change in split.changes},
        "flips": split.flipped[:_FLIPS],
        "more": max(0, len(split.flipped) - _FLIPS),
        "slices": [(each, change, "fail" if worse(change) else "pass") for each, change in slices],
    }
