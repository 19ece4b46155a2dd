"""Intervals: values with their intervals one below the other, each beside the bounds that it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from papillon.pictures.axes import Axis, Frame, around
from papillon.pictures.elements import Colour, Shape, marker, path, rule, shorter, text, wide
from papillon.pictures.picture import WIDTH, Picture

__all__ = ["Bar", "intervals"]

_LEFT, _RIGHT, _ROW, _TOP = 16, WIDTH - 16, 40, 4

Tone = Literal["pass", "fail", "inconclusive", "deferred"]
_SIGNS: dict[Tone, Shape] = {"pass": "circle", "fail": "square", "inconclusive": "diamond", "deferred": "ring"}


@dataclass(frozen=True)
class Bar:
    """One value by its name, with its interval where it has one; no value at all where nothing was seen.

    ``bounds`` are what it is held against; ``tone`` is its verdict, None for a value that nobody judges; ``said``
    stands behind its figures, such as ``≥ 0.8 PASS``.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    bounds: Sequence[float] = ()
    tone: Tone | None = None
    said: str = ""

    @property
    def figures(self) -> str:
        """The value with its interval in words."""
        if self.value is None:
            return "–"
        between = f" ({self.low:.3f} … {self.high:.3f})" if self.low is not None and self.high is not None else ""
        return f"{self.value:.3f}{between}"


def intervals(
    title: str, bars: Sequence[Bar], *, across: Axis | None = None, zero: bool = False, description: str = ""
) -> Picture:
    """The bars from above, each with its figures in words; ``zero`` draws the line of no difference.

    ``across`` where the axis is not to be just as long as the bars need, within -1..1.
    """
    held = [
        v for bar in bars for v in (bar.value, bar.low, bar.high, *bar.bounds, 0.0 if zero else None) if v is not None
    ]
    axis = across or around(held, within=(-1, 1) if zero or min(held, default=0) < 0 else (0, 1))
    bottom = _TOP + _ROW * len(bars)
    frame = Frame(_LEFT, _RIGHT, _TOP, bottom, axis, Axis(0, 1, ticks=()))
    parts = frame.drawn()
    if zero:
        parts.append(rule(f"M{frame.x(0):.1f} {_TOP}V{bottom}", 0.6))
    for place, bar in enumerate(bars):
        parts += _bar(frame, bar, _TOP + _ROW * place)
    said = "; ".join(" ".join(filter(None, (bar.name, bar.figures, bar.said))) for bar in bars)
    return Picture(
        title, description or f"{said or 'Nothing to show'}.", bottom + (40 if axis.name else 24), "\n".join(parts)
    )


def _bar(frame: Frame, bar: Bar, top: float) -> Iterator[str]:
    colour: Colour = bar.tone or "first"
    figures = " ".join(filter(None, (bar.figures, bar.said)))
    yield text(_LEFT, top + 14, shorter(bar.name, _RIGHT - _LEFT - wide(figures) - 20))
    yield text(_RIGHT, top + 14, figures, anchor="end")
    y = top + 27
    yield rule(f"M{_LEFT} {y:g}H{_RIGHT}", 0.12)
    if bar.value is None:
        return
    if bar.low is not None and bar.high is not None:
        yield path(f"M{frame.x(bar.low):.1f} {y:g}H{frame.x(bar.high):.1f}", colour, width=3)
    for bound in bar.bounds:
        yield rule(f"M{frame.x(bound):.1f} {y - 8:g}v16", 0.9)
    said = f"{bar.name}: {figures}"
    yield marker(frame.x(bar.value), y, "circle" if bar.tone is None else _SIGNS[bar.tone], colour, said)
