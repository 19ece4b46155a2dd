"""Examples: rows and their texts as the page's data: the figures of all rows at once, the texts row by row.

Texts stand whole, so that a search of the file finds them; what is marked in them is said by offsets. In which words
two of them differ, the page finds out itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

from evals.harness.reports.lexical import GOOD_ENOUGH, Reason, reason
from evals.harness.reports.marked import Piece, marked_query, marked_requests
from evals.harness.reports.page.frame import addressable, block
from papillon.results import Row, RunResult
from papillon.results.traces import Trace

__all__ = ["FIELDS", "figures", "link_of", "marks", "texts_of", "trace_blocks"]

#: What the page knows of a row, each as the results file has it; ``link`` names it in the address, ``flip`` says how a
#: regression gate saw it change.
FIELDS = (
    *("link", "id", "split", "trial", "status", "quality", "verdict", "leaked", "judge_leaked", "units", "leakage"),
    *("verbatim_leaked", "overall", "carried", "category", "query_chars", "script", "seconds", "error", "flip"),
)


def figures(result: RunResult) -> dict[str, Any]:
    """All rows' figures: the names of the columns, and of each row their values."""
    several = result.run.trials > 1
    flips = _flips(result)
    rows = [_figures(row, several, flips) for row in result.rows]
    models = vars(result.run.models)
    return {"sides": ["t"], "several": several, "models": models, "fields": FIELDS, "rows": rows}


def _figures(row: Row, several: bool, flips: dict[str, str]) -> list[Any]:
    more = {"link": link_of(row, several), "flip": flips.get(row.id, "")}
    return [more[name] if name in more else getattr(row, name, None) for name in FIELDS]


def link_of(row: Row, several: bool) -> str:
    """How an address names a row: by its id, and its trial where there are several."""
    return addressable(f"{row.id}.{row.trial}" if several else row.id)


def _flips(result: RunResult) -> dict[str, str]:
    """Which way each example flipped against the accepted scores; the worse way where its metrics differ."""
    found: dict[str, str] = {}
    for gate in result.gates:
        for flip in gate.flipped:
            worse = (flip.after < flip.before) != (gate.metric in ("leakage", "verbatim_leakage", "errors"))
            if worse or flip.id not in found:
                found[flip.id] = "worse" if worse else "better"
    return found


def trace_blocks(rows: Sequence[Row], traces: Iterable[Trace], prefix: str = "t") -> Iterator[Markup]:
    """The texts of each row that has any, one line a row in the traces' order, named by the row's place."""
    places = {(row.id, row.trial): place for place, row in enumerate(rows)}
    for trace in traces:
        if (place := places.pop((trace.id, trace.trial), None)) is not None:
            yield block(f"{prefix}{place}", texts_of(trace))


def texts_of(trace: Trace) -> dict[str, Any]:
    """One row's texts with what is marked in each, fit for JSON."""
    query, absent = marked_query(trace.query, trace.units)
    # A request that nothing came back to may have no answer beside it.
    back = [*trace.untrusted_responses, *[None] * len(trace.requests)]
    sent = zip(trace.requests, marked_requests(trace), back, strict=False)
    return {
        "id": trace.id,
        "query": trace.query,
        "query_marks": marks(query),
        "units": list(trace.units),
        "absent": list(absent),
        "leaked": [[leak.unit, leak.how] for leak in trace.leaked_units],
        "redacted_query": trace.redacted_query,
        "requests": [{"text": text, "marks": marks(found), "came_back": came} for text, found, came in sent],
        "answer": trace.response,
        "target": trace.target,
        "unparsed": trace.unparsed,
        "judge_extra": trace.judge_extra,
        # A model that judges gives reasons of its own.
        "closeness": None if trace.judge or not trace.target else _closeness(reason(trace.response, trace.target)),
        "judge": [dict(vars(judgement)) for judgement in trace.judge],
        "calls": [dict(vars(call)) for call in trace.calls],
    }


def _closeness(why: Reason) -> dict[str, Any]:
    found = why.closeness
    parts = {"value": found.value, "content": found.content, "length": found.length, "enough": GOOD_ENOUGH}
    return {**parts, "lacks": why.lacks, "more": why.more}


def marks(pieces: Iterable[Piece]) -> list[list[Any]]:
    """What of a text is marked: begin and end of each such piece, in UTF-16 units as a browser counts, and its kind."""
    found: list[list[Any]] = []
    at = 0
    for piece in pieces:
        end = at + _width(piece.text)
        if piece.kind != "plain":
            found.append([at, end, piece.kind])
        at = end
    return found


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
