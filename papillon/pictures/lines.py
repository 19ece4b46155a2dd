"""Lines: values over rounds or runs with their intervals, and the levels that they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from papillon.pictures.axes import Axis, Frame
from papillon.pictures.elements import Colour, Shape, marker, path, shorter, text, wide
from papillon.pictures.picture import WIDTH, Picture

__all__ = ["At", "Level", "Line", "lines"]

_LEFT, _RIGHT, _HEIGHT = 44, WIDTH - 14, 190
#: Above it a sign at each place would hide the line.
_SIGNS = 60
_ROW = 18
_COLOURS: dict[str, Colour] = {"bound": "fail", "baseline": "deferred"}
_DASHES = {"bound": "4 4", "baseline": "1 3"}

_LOOKS: tuple[tuple[Colour, Shape, str], ...] = (
    ("first", "circle", ""),
    ("second", "square", "6 4"),
    ("third", "diamond", "2 3"),
    ("fourth", "triangle", "8 3 2 3"),
    ("fifth", "ring", "1 4"),
)


@dataclass(frozen=True)
class At:
    """A value at a place of the axis across, with its interval where it has one, and what a pointer there shows."""

    place: float
    value: float
    low: float | None = None
    high: float | None = None
    said: str = ""


@dataclass(frozen=True)
class Line:
    """A series by its name; its places are ``joined`` by a line, or signs alone."""

    name: str
    points: Sequence[At]
    joined: bool = True


@dataclass(frozen=True)
class Level:
    """A value that all are held against: a bound that is asked, or what a baseline accepted."""

    name: str
    value: float
    kind: Literal["bound", "baseline"] = "bound"


def lines(
    title: str, series: Sequence[Line], across: Axis, up: Axis, *, levels: Sequence[Level] = (), description: str = ""
) -> Picture:
    """Series over one axis; told apart by colour, sign and dashes, five at most look different.

    A value beyond an axis lies on its edge.
    """
    looks = [_LOOKS[place % len(_LOOKS)] for place in range(len(series))]
    legend, top = _legend(series, looks, levels)
    top += 22 if up.name else 8
    frame = Frame(_LEFT, _RIGHT, top, top + _HEIGHT, across, up)
    parts = [*legend, *frame.drawn()]
    for level in levels:
        y = frame.y(level.value)
        parts.append(path(f"M{_LEFT} {y:.1f}H{_RIGHT}", _COLOURS[level.kind], width=1.5, dashes=_DASHES[level.kind]))
    for line, look in zip(series, looks, strict=True):
        parts += _line(frame, line, *look)
    bottom = frame.bottom + (40 if across.name else 24)
    return Picture(title, description or _said(series, levels), bottom, "\n".join(parts))


def _line(frame: Frame, line: Line, colour: Colour, shape: Shape, dashes: str) -> Iterator[str]:
    placed = [(frame.x(point.place), frame.y(point.value)) for point in line.points]
    for point, (x, _) in zip(line.points, placed, strict=True):
        if point.low is not None and point.high is not None:
            low, high = frame.y(point.low), frame.y(point.high)
            ends = f"M{x - 3:.1f} {high:.1f}h6M{x - 3:.1f} {low:.1f}h6"
            yield path(f"M{x:.1f} {high:.1f}V{low:.1f}{ends}", colour, width=1)
    if line.joined and len(placed) > 1:
        yield path("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed), colour, dashes=dashes)
    if len(placed) <= _SIGNS or not line.joined:
        for point, (x, y) in zip(line.points, placed, strict=True):
            yield marker(x, y, shape, colour, point.said)


def _legend(
    series: Sequence[Line], looks: Sequence[tuple[Colour, Shape, str]], levels: Sequence[Level]
) -> tuple[list[str], float]:
    """The names of series and levels beside their looks, on as many rows as they need, and how high these are.

    A series alone needs no name: the title says what it is.
    """
    entries: list[tuple[str, Colour, str | None, Shape | None]] = [
        (line.name, colour, dashes if line.joined else None, shape)
        for line, (colour, shape, dashes) in zip(series, looks, strict=True)
    ]
    entries = entries if len(series) > 1 else []
    entries += [(level.name, _COLOURS[level.kind], _DASHES[level.kind], None) for level in levels]
    parts, x, y = [], 8.0, 8.0
    for words, colour, dashes, shape in entries:
        name = shorter(words, WIDTH - 60)
        if x > 8 and x + 30 + wide(name) > _RIGHT:
            x, y = 8.0, y + _ROW
        if dashes is not None:
            parts.append(path(f"M{x:g} {y:g}h24", colour, dashes=dashes))
        if shape is not None:
            parts.append(marker(x + 12, y, shape, colour))
        parts.append(text(x + 30, y + 4, name))
        x += 30 + wide(name) + 18
    return parts, y + _ROW - 8 if entries else 0.0


def _said(series: Sequence[Line], levels: Sequence[Level]) -> str:
    said = [f"{level.name} at {level.value:.3f}" for level in levels]
    for line in series:
        if line.points:
            values = [point.value for point in line.points]
            extent = f"{len(values)} values from {min(values):.3f} to {max(values):.3f}, the last {values[-1]:.3f}"
            said.append(f"{line.name}: {extent if len(values) > 1 else f'{values[0]:.3f}'}")
    return "; ".join(said) + "." if said else "Nothing to show."
