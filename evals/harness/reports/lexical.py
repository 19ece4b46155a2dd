"""Lexical: why the lexical judge scored an answer as it did, from the answer and its target alone, for any view."""

from __future__ import annotations

from dataclasses import dataclass, field

from judges.closeness import Closeness, measured
from judges.lexical import GOOD_ENOUGH

__all__ = ["GOOD_ENOUGH", "Reason", "reason"]

#: So many of the words that an answer lacks are named.
_NAMED = 8


@dataclass(frozen=True)
class Reason:
    """The closeness of an answer to its target, and which of the target's words it ``lacks`` most by letters, how often
    each; ``more`` counts the others. Close enough is ``GOOD_ENOUGH``."""

    closeness: Closeness
    lacks: tuple[tuple[str, int], ...] = field(repr=False)
    more: int


def reason(answer: str, target: str) -> Reason:
    """Why ``answer`` is, or is not, as good as ``target`` to the lexical judge."""
    found = measured(answer, target)
    lacks = sorted(found.lacks.items(), key=lambda word: -len(word[0]) * word[1])
    return Reason(found, tuple(lacks[:_NAMED]), len(lacks[_NAMED:]))
