"""Scatter: two figures against each other, each point with its name and its intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from papillon.pictures.axes import Axis, Frame, around
from papillon.pictures.elements import SIZE, Colour, Shape, marker, path, rule, shorter, text, wide
from papillon.pictures.picture import WIDTH, Picture

__all__ = ["Dot", "scatter"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, WIDTH - 14, 18, 318
_LOOKS: tuple[tuple[Colour, Shape], ...] = (
    ("first", "circle"),
    ("second", "square"),
    ("third", "diamond"),
    ("fourth", "triangle"),
)

_Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dot:
    """A named point at ``x`` and ``y`` with their intervals, (low, high), where they have one.

    ``published`` draws it as what others report, ``said`` is what a pointer on it shows beside its name.
    """

    name: str
    x: float
    y: float
    across: tuple[float, float] | None = None
    up: tuple[float, float] | None = None
    published: bool = False
    said: str = ""


def scatter(
    title: str,
    dots: Sequence[Dot],
    across: str,
    up: str,
    *,
    description: str = "",
    axes: tuple[Axis, Axis] | None = None,
) -> Picture:
    """Points over two figures of 0..1, named ``across`` and ``up``; the axes hold all of them and no more.

    ``axes``, across and up, where others are wanted.
    """
    xs = [value for dot in dots for value in (dot.x, *(dot.across or ()))]
    ys = [value for dot in dots for value in (dot.y, *(dot.up or ()))]
    frame = Frame(_LEFT, _RIGHT, _TOP, _BOTTOM, *(axes or (around(xs, across), around(ys, up))))
    looks = _looks(dots)
    parts = frame.drawn()
    for dot, (colour, _) in zip(dots, looks, strict=True):
        parts += _whiskers(frame, dot, colour)
    placed = [(frame.x(dot.x), frame.y(dot.y)) for dot in dots]
    for dot, (colour, shape), (x, y) in zip(dots, looks, placed, strict=True):
        parts.append(marker(x, y, shape, colour, _named(dot, across, up)))
    parts += _names(frame, dots)
    said = description or ("; ".join(_named(dot, across, up) for dot in dots) + "." if dots else "Nothing to show.")
    return Picture(title, said, _BOTTOM + 40, "\n".join(parts))


def _looks(dots: Sequence[Dot]) -> list[tuple[Colour, Shape]]:
    own = iter([_LOOKS[place % len(_LOOKS)] for place in range(len(dots))])
    return [("published", "ring") if dot.published else next(own) for dot in dots]


def _named(dot: Dot, across: str, up: str) -> str:
    figures = []
    for name, value, interval in ((up, dot.y, dot.up), (across, dot.x, dot.across)):
        between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        figures.append(f"{name} {value:.3f}{between}")
    return f"{dot.name}: {', '.join(figures)}{'; ' + dot.said if dot.said else ''}"


def _whiskers(frame: Frame, dot: Dot, colour: Colour) -> Iterator[str]:
    x, y = frame.x(dot.x), frame.y(dot.y)
    if dot.across:
        yield path(f"M{frame.x(dot.across[0]):.1f} {y:.1f}H{frame.x(dot.across[1]):.1f}", colour, width=1)
    if dot.up:
        yield path(f"M{x:.1f} {frame.y(dot.up[0]):.1f}V{frame.y(dot.up[1]):.1f}", colour, width=1)


def _names(frame: Frame, dots: Sequence[Dot]) -> Iterator[str]:
    """Each point's name at the nearest place beside it where it hides no sign, no interval and no other name."""
    placed = [(frame.x(dot.x), frame.y(dot.y)) for dot in dots]
    taken: list[_Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in placed]
    for dot, (x, y) in zip(dots, placed, strict=True):
        if dot.across:
            taken.append((frame.x(dot.across[0]), y - 1, frame.x(dot.across[1]), y + 1))
        if dot.up:
            taken.append((x - 1, frame.y(dot.up[1]), x + 1, frame.y(dot.up[0])))
    for dot, (x, y) in zip(dots, placed, strict=True):
        name = shorter(dot.name, 260)
        size = wide(name)
        places = [*_places(x, y, size)]
        start, base = next((at for at in places if _free(_box(*at, size), taken)), places[0])
        taken.append(_box(start, base, size))
        if abs(base - 4 - y) > 16:
            edge = start if start > x else start + size
            yield rule(f"M{x:.1f} {y:.1f}L{edge:.1f} {base - 4:.1f}", 0.4)
        yield text(start, base, name)


def _places(x: float, y: float, size: float) -> Iterator[tuple[float, float]]:
    yield x + 9, y + 4
    yield x - 9 - size, y + 4
    for away in range(1, 20):
        for base in (y + 4 - away * (SIZE + 2), y + 4 + away * (SIZE + 2)):
            yield x + 9, base
            yield x - 9 - size, base
            if away == 1:
                yield x - size / 2, base


def _box(start: float, base: float, size: float) -> _Box:
    return start, base - SIZE + 1, start + size, base + 3


def _free(place: _Box, taken: Sequence[_Box]) -> bool:
    left, top, right, bottom = place
    if left < _LEFT or right > WIDTH or top < _TOP - 10 or bottom > _BOTTOM:
        return False
    return all(right <= box[0] or left >= box[2] or bottom <= box[1] or top >= box[3] for box in taken)
