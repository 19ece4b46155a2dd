"""Elements: what a picture is made of, as SVG text; the one place where texts are escaped and numbers are written."""

from __future__ import annotations

import re
from typing import Literal

from papillon.tables import cut, width_of

__all__ = [
    "COLOURS",
    "SIZE",
    "Colour",
    "Shape",
    "escaped",
    "marker",
    "number",
    "path",
    "rule",
    "shorter",
    "text",
    "wide",
]

#: The size of letters, and how wide one is on average.
SIZE = 13
_LETTER = 0.62 * SIZE

Colour = Literal["first", "second", "third", "fourth", "fifth", "pass", "fail", "inconclusive", "deferred", "published"]
Shape = Literal["circle", "square", "diamond", "triangle", "ring"]

#: Each has a contrast of 3 and more to white and to #121212; a page's style may set others by the class of the name.
COLOURS: dict[Colour, str] = {
    "first": "#2f7fbf",
    "second": "#c2631a",
    "third": "#2e8b57",
    "fourth": "#8a63d2",
    "fifth": "#c04f8d",
    "pass": "#2e8b57",
    "fail": "#d0453f",
    "inconclusive": "#a67c00",
    "deferred": "#808080",
    "published": "#808080",
}

#: What XML cannot hold, and what turns the letters around it the other way.
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def escaped(words: str) -> str:
    """Any text as it may stand in SVG and in HTML, also within quotes."""
    return _UNFIT.sub("\ufffd", words).translate(_ESCAPES)


def number(value: float) -> str:
    """A coordinate with one place; never -0."""
    return f"{round(value, 1) + 0.0:g}"


def wide(words: str) -> float:
    """About how wide a text is drawn."""
    return width_of(words) * _LETTER


def shorter(words: str, room: float) -> str:
    """As much of a text as fits ``room``, on one line."""
    return cut(" ".join(words.split()), max(1, int(room / _LETTER)))


def text(
    x: float, y: float, words: str, *, anchor: Literal["start", "middle", "end"] = "start", strong: bool = False
) -> str:
    """A text whose base line begins, lies in the middle or ends at a place."""
    more = "" if anchor == "start" else f' text-anchor="{anchor}"'
    more += ' font-weight="600"' if strong else ""
    return f'<text x="{number(x)}" y="{number(y)}"{more}>{escaped(words)}</text>'


def path(d: str, colour: Colour, *, width: float = 2, dashes: str = "") -> str:
    """An open line."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path class="{colour}" d="{d}" fill="none" stroke="{COLOURS[colour]}" stroke-width="{width:g}"{dashed}/>'


def rule(d: str, strength: float) -> str:
    """A thin line of the page's text colour, as faint as ``strength`` in 0..1 says."""
    return f'<path d="{d}" fill="none" stroke="currentColor" stroke-opacity="{strength:g}"/>'


def marker(
    x: float, y: float, shape: Shape, colour: Colour, said: str = "", *, hollow: bool = False, size: float = 1
) -> str:
    """A sign at a place, which says something where a pointer rests on it; a ring is a ``hollow`` circle.

    ``size`` is how many times as wide as others it is.
    """
    if shape in ("circle", "ring"):
        place = f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(4 * size)}"'
    else:
        place = f'<path d="{_outline(x, y, shape, size)}"'
    hollow = hollow or shape == "ring"
    paint = f'fill="{"none" if hollow else COLOURS[colour]}" stroke="{COLOURS[colour]}" stroke-width="1.5"'
    name = f"><title>{escaped(said)}</title></{place[1:].split()[0]}>" if said else "/>"
    return f'{place} class="{colour}{" hollow" if hollow else ""}" {paint}{name}'


def _outline(x: float, y: float, shape: Shape, size: float) -> str:
    x, y = round(x, 1), round(y, 1)

    def n(length: float) -> str:
        return number(length * size)

    if shape == "square":
        return f"M{number(x - 4 * size)} {number(y - 4 * size)}h{n(8)}v{n(8)}h{n(-8)}z"
    if shape == "diamond":
        return f"M{number(x)} {number(y - 5.5 * size)}l{n(5.5)} {n(5.5)}l{n(-5.5)} {n(5.5)}l{n(-5.5)} {n(-5.5)}z"
    return f"M{number(x)} {number(y - 5 * size)}l{n(5)} {n(9)}h{n(-10)}z"
