"""Marked: a text cut into pieces, each of one kind, for whatever view shows them; joined they are the text again.

Where units stand in a query, what of a request leaked, and in which words an answer and its target differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from papillon.leaks import Place, leaks, spaceless
from papillon.results.traces import LeakedUnit, Trace

__all__ = ["Kind", "Piece", "continues", "differences", "joins", "marked", "marked_query", "marked_requests"]

#: Where a part of a text begins and ends.
Slice = tuple[int, int]
#: What a piece is: a place of a unit, word for word or nearly; what stands in this one of two texts only; the rest.
Kind = Literal["plain", "verbatim", "near", "only"]

#: Texts of more words than this are compared line by line: the time grows with the product.
_WORDS = 20_000

_JOINERS = "\u200c\u200d"
_WORD = re.compile(r"\w+|[^\w\s]")
_LINE = re.compile(r"\S(?:.*\S)?")


@dataclass(frozen=True)
class Piece:
    """A part of a text; ``units`` are those of which a place covers it, empty for what is no place."""

    text: str = field(repr=False)
    kind: Kind = "plain"
    units: tuple[str, ...] = field(default=(), repr=False)


def marked(text: str, places: Iterable[Place | LeakedUnit]) -> tuple[Piece, ...]:
    """``text`` cut at the edges of ``places``, which may overlap; where both ways do, verbatim is the piece's kind.

    What of a place lies outside the text is left out, and a place takes whole signs, with the marks on them.
    """
    begins: dict[int, list[Place | LeakedUnit]] = {}
    ends: dict[int, list[Place | LeakedUnit]] = {}
    for place in places:
        start, end = _whole(text, max(0, place.start)), _whole(text, place.end, on=True)
        if place.start < place.end and start < end:
            begins.setdefault(start, []).append(place)
            ends.setdefault(end, []).append(place)
    pieces, here, at = [], list[Place | LeakedUnit](), 0
    for edge in sorted({*begins, *ends, len(text)}):
        if edge > at:
            pieces.append(_piece(text[at:edge], here))
        for place in ends.get(edge, ()):
            here.remove(place)
        here += begins.get(edge, ())
        at = edge
    return tuple(pieces)


def _piece(text: str, places: Sequence[Place | LeakedUnit]) -> Piece:
    if not places:
        return Piece(text)
    kind: Kind = "verbatim" if any(place.how == "verbatim" for place in places) else "near"
    return Piece(text, kind, tuple(dict.fromkeys(place.unit for place in places)))


def _whole(text: str, at: int, *, on: bool = False) -> int:
    """The edge of a sign nearest to an offset, at or before it, or ``on`` from it."""
    while 0 < at < len(text) and continues(text, at):
        at += 1 if on else -1
    return min(at, len(text))


def joins(sign: str) -> bool:
    """Whether a sign belongs to the one before it: a mark on it, or what joins another to it."""
    return unicodedata.category(sign) in ("Mn", "Mc", "Me") or sign in _JOINERS or "\U0001f3fb" <= sign <= "\U0001f3ff"


def continues(text: str, at: int) -> bool:
    """Whether the sign at an offset of ``text`` belongs to the one before it, be it an emoji that is joined to it."""
    return joins(text[at]) or (text[at - 1 : at] == "\u200d" and not text[at].isalpha())


def marked_query(query: str, units: Sequence[str]) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """A query with the places of its units, and those of the units that stand nowhere in it, not even nearly."""
    places = leaks(units, query)
    found = {place.unit for place in places}
    return marked(query, places), tuple(unit for unit in units if unit not in found)


def marked_requests(trace: Trace) -> list[tuple[Piece, ...]]:
    """Each request of a row with what leaked in it."""
    return [
        marked(request, [leaked for leaked in trace.leaked_units if leaked.request == number])
        for number, request in enumerate(trace.requests)
    ]


def differences(one: str, other: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Two texts with the words that stand in ``only`` one of them; of a script without spaces, signs.

    White space makes no difference, and between two words that differ it belongs to them.
    """
    from rapidfuzz.distance import Levenshtein  # difflib drops frequent words, or takes seconds

    spans = _words(one), _words(other)
    if max(map(len, spans)) > _WORDS:
        spans = _spans(_LINE, one), _spans(_LINE, other)
    words = _compared(one, spans[0]), _compared(other, spans[1])
    steps = [step for step in Levenshtein.opcodes(*words) if step.tag != "equal"]
    ours = _joined(spans[0], ((step.src_start, step.src_end) for step in steps))
    theirs = _joined(spans[1], ((step.dest_start, step.dest_end) for step in steps))
    return _cut(one, ours), _cut(other, theirs)


def _compared(text: str, spans: Iterable[Slice]) -> list[str]:
    """The words as they are compared: one that is composed in another way is the same."""
    found = [text[start:end] for start, end in spans]
    return found if text.isascii() else [unicodedata.normalize("NFC", word) for word in found]


def _words(text: str) -> list[Slice]:
    """The slices of words, of punctuation, and of each sign of a script without spaces, with the marks on them."""
    if text.isascii():
        return _spans(_WORD, text)
    spans: list[Slice] = []
    for start, end in _spans(_WORD, text):
        if text[start:end].isascii():  # nearly all of them
            spans.append((start, end))
            continue
        signs = ((at, at + 1) for at in range(start, end))
        for at, to in signs if spaceless(text[start:end]) else ((start, end),):
            if spans and spans[-1][1] == at and (joins(text[at]) or text[at - 1] in _JOINERS):
                spans[-1] = spans[-1][0], to
            else:
                spans.append((at, to))
    return spans


def _spans(pattern: re.Pattern[str], text: str) -> list[Slice]:
    return [found.span() for found in pattern.finditer(text)]


def _joined(spans: Sequence[Slice], differ: Iterable[Slice]) -> list[Slice]:
    """The slices of the spans that differ, given from one to another; those that follow each other as one."""
    found: list[Slice] = []
    before = None
    for first, end in differ:
        if first < end:
            start = found.pop()[0] if first == before else spans[first][0]
            found.append((start, spans[end - 1][1]))
            before = end
    return found


def _cut(text: str, only: Iterable[Slice]) -> tuple[Piece, ...]:
    pieces, at = [], 0
    for start, end in only:
        pieces += [Piece(text[at:start]), Piece(text[start:end], "only")]
        at = end
    return tuple(piece for piece in (*pieces, Piece(text[at:])) if piece.text)
