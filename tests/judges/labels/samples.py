"""Rows, texts and labels for tests: small, invented, and all alike but for their number."""

from __future__ import annotations

from typing import Any

from judges.labels.hashing import hashes
from judges.labels.label import Drawn, Label
from papillon.results.rows import Row
from papillon.results.traces import Trace

__all__ = ["DATA", "KEY", "label", "row", "trace"]

KEY = bytes(range(32))
DATA = "d" * 64


def row(number: int, *, split: str = "dev", group: str = "", status: str = "scored", trial: int = 0) -> Row:
    """A scored row without a leak."""
    return Row(
        id=f"{split}-{number:04d}",
        split=split,
        trial=trial,
        group=group or f"group-{number}",
        status=status,  # type: ignore[arg-type]
        error=None,
        quality=1.0,
        verdict="tie",
        leaked=0,
        judge_leaked=0,
        units=2,
        leakage=0.0,
        verbatim_leaked=0,
        overall=1.0,
        tutorial_overall=1.0,
        seconds=0.1,
    )


def trace(number: int, *, split: str = "dev", trial: int = 0, **texts: Any) -> Trace:
    """The texts of the row of that number."""
    fields: dict[str, Any] = {
        "query": f"Write to Ada Zwill, number {number}, in Bern.",
        "redacted_query": f"Write to [NAME], number {number}, in [CITY].",
        "units": ("Ada Zwill", "Bern"),
        "target": f"Dear Ada Zwill, the target's letter {number}.",
        "requests": (f"Write a letter {number}.",),
        "untrusted_responses": (f"Dear [NAME], letter {number}.",),
        "response": f"Dear Ada, the program's letter {number}.",
        "unparsed": None,
        "leaked_units": (),
        "judge_extra": 0,
        "judge": (),
        "calls": (),
        "error": None,
    }
    return Trace(id=f"{split}-{number:04d}", trial=trial, **fields | texts)


def label(of: Trace, by: str | None = "anna", *, drawn: Drawn | None = None, **answers: Any) -> Label:
    """A label of the row with those texts: as good as the target, and nothing given away, unless said otherwise."""
    fields: dict[str, Any] = {"answer_stood": "A", "quality": "tie", "leakage": (False,) * len(of.units)}
    return Label(
        id=of.id,
        trial=of.trial,
        data=DATA[:16],
        hashes=hashes(KEY, of),
        by=by,
        at="2026-11-26T12:00:00Z",
        drawn=drawn or Drawn("random", 0, 1, 30),
        **fields | answers,
    )
