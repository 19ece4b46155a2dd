"""Scatter: two figures against each other, each point a sign of its own with its intervals, named in a legend below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from papillon.pictures.axes import Axis, Frame, around
from papillon.pictures.elements import Colour, Shape, marker, path, shorter, text
from papillon.pictures.picture import WIDTH, Picture

__all__ = ["Dot", "scatter"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, WIDTH - 14, 18, 318
#: Where the legend's head lies, how high a row of it is, where its last column of figures ends and how wide each is.
_LEGEND, _ROW, _END, _ROOM = _BOTTOM + 64, 20, WIDTH - 14, 72

_COLOURS: tuple[Colour, ...] = ("first", "second", "third", "fourth", "fifth")
_SHAPES: tuple[Shape, ...] = ("circle", "square", "diamond", "triangle")

#: How a point is drawn: colour and shape, and whether it is hollow.
_Look = tuple[Colour, Shape, bool]


@dataclass(frozen=True)
class Dot:
    """A named point at ``x`` and ``y`` with their intervals, (low, high), where they have one.

    ``size`` is a third figure in 0..1, the larger the sign, None without. ``published`` draws it as what others report,
    ``said`` is what a pointer on it shows beside its name.
    """

    name: str
    x: float
    y: float
    across: tuple[float, float] | None = None
    up: tuple[float, float] | None = None
    size: float | None = None
    published: bool = False
    said: str = ""


def scatter(
    title: str,
    dots: Sequence[Dot],
    across: str,
    up: str,
    *,
    sized: str = "",
    description: str = "",
    axes: tuple[Axis, Axis] | None = None,
) -> Picture:
    """Points over two figures of 0..1, named ``across`` and ``up``; the axes hold all of them and no more.

    ``sized`` names the third figure, which the size of a sign shows. ``axes``, across and up, where others are wanted.
    """
    xs = [value for dot in dots for value in (dot.x, *(dot.across or ()))]
    ys = [value for dot in dots for value in (dot.y, *(dot.up or ()))]
    frame = Frame(_LEFT, _RIGHT, _TOP, _BOTTOM, *(axes or (around(xs, across), around(ys, up))))
    looks = _looks(dots)
    parts = frame.drawn()
    for dot, look in zip(dots, looks, strict=True):
        parts += _whiskers(frame, dot, look[0])
    # The small ones after the large, and the hollow ones last: what lies below them is still seen.
    for dot, look in sorted(zip(dots, looks, strict=True), key=lambda pair: (pair[0].published, -_size(pair[0]))):
        parts.append(_sign(frame.x(dot.x), frame.y(dot.y), look, _named(dot, across, up, sized), size=_size(dot)))
    parts += _legend(dots, looks, across, up, sized) if dots else []
    named = (_named(dot, across, up, sized) for dot in dots)
    said = description or ("; ".join(named) + "." if dots else "Nothing to show.")
    return Picture(title, said, _LEGEND + len(dots) * _ROW + 8 if dots else _BOTTOM + 40, "\n".join(parts))


def _looks(dots: Sequence[Dot]) -> list[_Look]:
    """A look for each, no two alike among the first 20 of one's own and the first 4 published."""
    looks, own, published = list[_Look](), 0, 0
    for dot in dots:
        if dot.published:
            looks.append(("published", _SHAPES[published % len(_SHAPES)], True))
            published += 1
        else:
            looks.append((_COLOURS[own % len(_COLOURS)], _SHAPES[own % len(_SHAPES)], False))
            own += 1
    return looks


def _named(dot: Dot, across: str, up: str, sized: str) -> str:
    figures = []
    for name, value, interval in ((up, dot.y, dot.up), (across, dot.x, dot.across), (sized, dot.size, None)):
        if value is not None:
            between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
            figures.append(f"{name} {value:.3f}{between}")
    return f"{dot.name}: {', '.join(figures)}{'; ' + dot.said if dot.said else ''}"


def _size(dot: Dot) -> float:
    """How large a sign is: half as wide for 0 as it is without a third figure, half as wide again for 1."""
    return 1.0 if dot.size is None else 0.5 + min(max(dot.size, 0.0), 1.0)


def _whiskers(frame: Frame, dot: Dot, colour: Colour) -> Iterator[str]:
    x, y = frame.x(dot.x), frame.y(dot.y)
    if dot.across:
        yield path(f"M{frame.x(dot.across[0]):.1f} {y:.1f}H{frame.x(dot.across[1]):.1f}", colour, width=1)
    if dot.up:
        yield path(f"M{x:.1f} {frame.y(dot.up[0]):.1f}V{frame.y(dot.up[1]):.1f}", colour, width=1)


def _legend(dots: Sequence[Dot], looks: Sequence[_Look], across: str, up: str, sized: str) -> Iterator[str]:
    """Each sign with its name and its figures, one below the other; names beside the signs would hide some."""
    columns: list[tuple[str, Sequence[float | None]]] = [
        (up, [dot.y for dot in dots]),
        (across, [dot.x for dot in dots]),
    ]
    if any(dot.size is not None for dot in dots):
        columns.append((sized, [dot.size for dot in dots]))
        yield text(28, _LEGEND, f"size: {sized}")
    ends = [_END - _ROOM * (len(columns) - 1 - place) for place in range(len(columns))]
    for end, (name, _) in zip(ends, columns, strict=True):
        yield text(end, _LEGEND, shorter(name, _ROOM - 4), anchor="end")
    for place, (dot, look) in enumerate(zip(dots, looks, strict=True)):
        y = _LEGEND + (place + 1) * _ROW
        yield _sign(16, y - 4, look, size=_size(dot))
        yield text(28, y, shorter(dot.name, ends[0] - _ROOM - 28))
        for end, (_, values) in zip(ends, columns, strict=True):
            value = values[place]
            yield text(end, y, "–" if value is None else f"{value:.3f}", anchor="end")


def _sign(x: float, y: float, look: _Look, said: str = "", *, size: float = 1) -> str:
    colour, shape, hollow = look
    return marker(x, y, shape, colour, said, hollow=hollow, size=size)
