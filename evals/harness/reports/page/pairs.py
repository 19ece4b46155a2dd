"""Pairs: the rows of two runs beside each other as the page's data, what flipped first, with the texts of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from markupsafe import Markup

from evals.harness.reports.page.examples import link_of, texts_of
from evals.harness.reports.page.frame import block
from papillon.results import Row, RunResult
from papillon.results.comparison import Comparison
from papillon.results.traces import Trace

__all__ = ["pair_blocks", "pair_figures"]

_FIELDS = ("link", "id", "split", "trial", "category", "change", "order", "before", "after")
_SIDE = (
    "status",
    "quality",
    "verdict",
    "leaked",
    "judge_leaked",
    "units",
    "leakage",
    "verbatim_leaked",
    "overall",
    "carried",
    "error",
)
#: What of a row's texts is the data's, the same in both runs.
_OF_DATA = ("query", "query_marks", "units", "absent", "redacted_query", "target")
_NONE = dict.fromkeys(_SIDE)

Pairs = Mapping[tuple[str, int], tuple[Row | None, Row | None]]


def pairs_of(before: RunResult, after: RunResult) -> Pairs:
    """Both runs' rows by id and trial, in the order of ``after``, then what ``before`` alone has."""
    old = {(row.id, row.trial): row for row in before.rows}
    found: dict[tuple[str, int], tuple[Row | None, Row | None]] = {
        (row.id, row.trial): (old.pop((row.id, row.trial), None), row) for row in after.rows
    }
    return found | {name: (row, None) for name, row in old.items()}


def pair_figures(comparison: Comparison, before: RunResult, after: RunResult) -> dict[str, Any]:
    """All pairs' figures; ``order`` sorts them as the comparison does: flips by the size of the worsening, then the
    rest in the rows' order."""
    flips = [flip.id for split in comparison.splits for flip in split.flipped]
    order = {id: place for place, id in enumerate(flips)}
    several = max(before.run.trials, after.run.trials) > 1
    rows = []
    for (id, trial), (one, other) in pairs_of(before, after).items():
        row = other or one
        assert row is not None
        rank = order.get(id, len(flips))
        change = _change(one, other)
        sides = [_NONE if side is None else {name: getattr(side, name) for name in _SIDE} for side in (one, other)]
        rows.append([link_of(row, several), id, row.split, trial, row.category, change, rank, *sides])
    models = vars(after.run.models)
    return {"sides": ["a", "b"], "several": several, "models": models, "fields": _FIELDS, "rows": rows}


def _change(one: Row | None, other: Row | None) -> str:
    """What became of a row, in a word: by its overall, and by its quality or leakage where that is the same; by its
    leakage where an overall is not on both sides."""
    if one is None or other is None:
        return "only before" if other is None else "only after"
    if one.leakage is None or other.leakage is None:
        return "not known"
    gain = one.leakage - other.leakage
    if one.overall is not None and other.overall is not None:
        gain = other.overall - one.overall
    if abs(gain) > 1e-9:
        return "better" if gain > 0 else "worse"
    same = (one.quality, one.leaked, one.status) == (other.quality, other.leaked, other.status)
    return "same" if same else "other"


def pair_blocks(
    before: tuple[RunResult, Iterable[Trace] | None], after: tuple[RunResult, Iterable[Trace] | None]
) -> Iterator[Markup]:
    """The texts of both runs' rows, named by the pair's place: all of ``before``, then all of ``after``, which leave
    out what is the same of the data."""
    places = {name: place for place, name in enumerate(pairs_of(before[0], after[0]))}
    data: dict[tuple[str, int], int] = {}
    for trace, texts in _with_texts(before[1], places):
        data[trace.id, trace.trial] = _of_data(trace)
        yield block(f"a{places[trace.id, trace.trial]}", texts)
    for trace, texts in _with_texts(after[1], places):
        if data.get((trace.id, trace.trial)) == _of_data(trace):
            texts = {name: text for name, text in texts.items() if name not in _OF_DATA}
        yield block(f"b{places[trace.id, trace.trial]}", texts)


def _with_texts(
    traces: Iterable[Trace] | None, places: Mapping[tuple[str, int], int]
) -> Iterator[tuple[Trace, dict[str, Any]]]:
    seen = set()
    for trace in traces or ():
        if (name := (trace.id, trace.trial)) in places and name not in seen:
            seen.add(name)
            yield trace, texts_of(trace)


def _of_data(trace: Trace) -> int:
    """A number that two traces share where their data are the same."""
    return hash((trace.query, trace.units, trace.redacted_query, trace.target))
