"""Slices: parts of a split's examples that share a property, what one run scored on each, and what moved there.

Many are looked at, so some move by chance: how many that would be is for whoever shows them to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from evals.harness.verdicts.changes import change_of
from evals.harness.verdicts.gates import ALPHA
from evals.harness.verdicts.pairs import mean_by_example, trials_by_example
from evals.harness.verdicts.scores import scores_of
from papillon.results.comparison import Slice, SliceChange, SlicedBy
from papillon.results.rows import Row

__all__ = ["LEAST", "SLICED_METRICS", "slice_changes", "slices"]

#: The metrics that slices are looked at in.
SLICED_METRICS = ("quality", "leakage", "overall")
#: A smaller slice is shown, and never told as moved.
LEAST = 10

#: Bands by their lower ends; a query's length in characters by the quartiles of PUPA's.
_LENGTHS = ((0, "under 150"), (150, "150 to 399"), (400, "400 to 1199"), (1200, "1200 and more"))
_UNITS = ((0, "none"), (1, "1"), (2, "2 or 3"), (4, "4 and more"))


def _banded(value: int | None, bands: Sequence[tuple[int, str]]) -> str | None:
    return None if value is None else [name for least, name in bands if least <= value][-1]


def _named(name: str | None) -> str | None:
    return name if name != "" else "none"


_PROPERTIES: Mapping[SlicedBy, Callable[[Row], str | None]] = {
    "category": lambda row: _named(row.category),
    "length": lambda row: _banded(row.query_chars, _LENGTHS),
    "script": lambda row: _named(row.script),
    "units": lambda row: _banded(row.units, _UNITS),
}
_ORDER = [name for bands in (_LENGTHS, _UNITS) for _, name in bands]


def slices(rows: Sequence[Row]) -> tuple[Slice, ...]:
    """One run's slices of one split's ``rows``; none by a property that all examples share or that none has."""
    group = {row.id: row.group for row in rows}
    found = []
    for by, name, examples in _parts(rows):
        inside = frozenset(examples)
        scores = scores_of([row for row in rows if row.id in inside], SLICED_METRICS)
        found.append(Slice(by, name, len(examples), len({group[each] for each in examples}), scores))
    return tuple(found)


def slice_changes(before: Sequence[Row], after: Sequence[Row]) -> tuple[tuple[SliceChange, ...], int, float]:
    """The slices of the examples that stand in both runs' rows of one split, how many of their changes were looked at,
    and up to how many of these would move with nothing changed.

    A slice of fewer than LEAST examples has no changes.
    """
    sides = [{m: mean_by_example(trials_by_example(rows, m)) for m in SLICED_METRICS} for rows in (before, after)]
    group = {row.id: row.group for row in after}
    both = {row.id for row in before}
    found = []
    for by, name, examples in _parts([row for row in after if row.id in both]):
        changes = []
        for metric in SLICED_METRICS:
            old, new = ({each: of[metric][each] for each in examples if each in of[metric]} for of in sides)
            enough = len(old.keys() & new.keys()) >= LEAST
            if enough and (change := change_of(metric, old, new, group)) is not None:
                changes.append(change)
        found.append(SliceChange(by, name, len(examples), tuple(changes)))
    looked = sum(len(each.changes) for each in found)
    return tuple(found), looked, round(ALPHA * looked, 6)


def _parts(rows: Iterable[Row]) -> list[tuple[SlicedBy, str, list[str]]]:
    """The examples of each slice, property by property; bands in their order, other names the largest slice first."""
    found: list[tuple[SlicedBy, str, list[str]]] = []
    first = {row.id: row for row in reversed([*rows])}
    for by, of in _PROPERTIES.items():
        parts: dict[str, list[str]] = {}
        for example, row in reversed(first.items()):
            if (name := of(row)) is not None:
                parts.setdefault(name, []).append(example)
        if len(parts) > 1:
            order = _ORDER.index if by in ("length", "units") else lambda name: (-len(parts[name]), name)  # noqa: B023
            found += [(by, name, parts[name]) for name in sorted(parts, key=order)]
    return found
