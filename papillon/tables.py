"""Tables: rows of texts as lines for a window of a given width, aligned by the columns that signs take there."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from papillon.joiners import JOINED

__all__ = ["Column", "cut", "table", "width_of", "wrapped"]

#: Stands for emoji that are shown as one.
_WIDE = "語"
_SIGNS = re.compile(f"{JOINED.pattern}|.", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """One column: its ``head``, and ``short`` for a window without room for it; numbers stand to the ``right``.

    It is at least ``least`` wide. One that ``may_go`` is left out where the window is too narrow.
    """

    head: str = ""
    short: str = ""
    right: bool = False
    least: int = 0
    may_go: bool = False


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int, *, gap: int = 2, heads: bool = True
) -> list[str]:
    """The rows below their heads, if these are shown, in lines of at most ``width`` columns.

    In a narrow window the columns that may go are left out; then heads are short and the gaps one column; then the
    first cell stands above the others, which take as many lines as they need; a cell that is wider still is cut.
    """
    short = [Column(each.short or each.head, "", each.right, each.least, each.may_go) for each in columns]
    body = [list(row) for row in rows]

    def laid(columns: Sequence[Column], kept: Sequence[int], gap: int) -> list[list[str]]:
        shown = [[column.head for column in columns], *body] if heads else body
        wide = [max([columns[i].least, *(width_of(row[i]) for row in shown)]) for i in kept]
        return [
            [_padded(row[i], columns[i], size) + " " * gap for i, size in zip(kept, wide, strict=True)] for row in shown
        ]

    every = list(range(len(columns)))
    kept = [place for place in every if not columns[place].may_go]
    for way in (laid(columns, every, gap), laid(columns, kept, gap), laid(short, kept, min(gap, 1))):
        lines = ["".join(cells).rstrip() for cells in way]
        if all(width_of(line) <= width for line in lines):
            return lines
    return [cut(line, width) for cells in laid(columns, kept, gap) for line in _stacked(cells, width + gap)]


def _stacked(cells: Sequence[str], width: int) -> list[str]:
    """The first cell, and below it the others on as many lines as they need: the same for each row, as its padded cells
    are as wide as another's; the last cell's gap may stand outside."""
    lines, indent = [cells[0].rstrip()], "  "
    line = indent
    for cell in cells[1:]:
        if line != indent and width_of(line + cell) > width:
            lines.append(line.rstrip())
            line = indent
        line += cell
    return [lines[0], *(each for each in (*lines[1:], line.rstrip()) if each)]


def width_of(text: str) -> int:
    """How many columns a text takes on a terminal: two for a wide sign and for emoji that are joined to one, none for a
    sign that joins the one before."""
    if text.isascii():
        return len(text)
    return sum(map(_sign, JOINED.sub(_WIDE, text)))


def _sign(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: str, width: int) -> str:
    """As much of a text as fits ``width`` columns (1 and more), with … for what does not."""
    if width_of(text) <= width:
        return text
    room, kept = width - 1, []
    for sign in _SIGNS.findall(text):
        room -= width_of(sign)
        if room < 0:
            break
        kept.append(sign)
    return "".join(kept) + "…"


def wrapped(text: str, width: int) -> list[str]:
    """A sentence over as many lines as it needs, all but the first indented."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _padded(text: str, column: Column, size: int) -> str:
    room = " " * (size - width_of(text))
    return room + text if column.right else text + room
