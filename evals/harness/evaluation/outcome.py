"""Outcome: what one sample of one example came to: its row, and what the run must know of it besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from papillon.results.rows import Row

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """A row, the recorded calls that it rests on (how often each, by key), and what the lexical judge says besides.

    ``closeness`` of answer and target in 0..1 is there whoever judged; ``near`` counts the units that
    were found by a fuzzy match alone, None where another judge counted them. ``waits`` says that a model's server
    could not be reached, so that a later try may give a score; ``withheld`` that
    a provider's filter refused the judging, so that none will; ``on_record`` that the row follows from recorded
    calls alone: none was refused or failed, be it that the program caught it.
    """

    row: Row
    calls: Mapping[str, int]
    closeness: float | None = None
    near: int | None = None
    waits: bool = False
    withheld: bool = False
    on_record: bool = True
