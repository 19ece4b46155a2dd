"""Histogram: how often which value came."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from papillon.pictures.axes import Axis, Frame
from papillon.pictures.elements import COLOURS, escaped, text
from papillon.pictures.picture import WIDTH, Picture

__all__ = ["TENTHS", "histogram"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, WIDTH - 14, 22, 202
#: The upper edges of ten bars over 0..1.
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


def histogram(
    title: str, values: Sequence[float], name: str, *, edges: Sequence[float] = TENTHS, of: str = "examples"
) -> Picture:
    """How many of ``values``, of 0 and more, lie at most at each edge and above the one before.

    0 itself has a bar of its own; what lies above the last edge counts to the last bar. ``name`` says what the values
    are, ``of`` what is counted.
    """
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[0 if value <= 0 else min(bisect.bisect_left(edges, value - 1e-9), len(edges) - 1) + 1] += 1
    heads = ["0", *(f"{edge:g}" for edge in edges)]
    ranges = ["0", *(f"above {low:g} to {high:g}" for low, high in zip((0, *edges), edges, strict=False))]
    most = max(*counts, 1)
    step = (_RIGHT - _LEFT) / len(counts)
    ticks = [(place + 0.5, head) for place, head in enumerate(heads)]
    frame = Frame(_LEFT, _RIGHT, _TOP, _BOTTOM, Axis(0, len(counts), name, ticks), _whole(most, of))
    parts = frame.drawn()
    for place, (count, between) in enumerate(zip(counts, ranges, strict=True)):
        if count:
            x, top = frame.x(place), frame.y(count)
            parts.append(
                f'<rect class="first" x="{x + 2:.1f}" y="{top:.1f}" width="{step - 4:.1f}" '
                f'height="{_BOTTOM - top:.1f}" fill="{COLOURS["first"]}">'
                f"<title>{escaped(f'{name} {between}: {count} {of}')}</title></rect>"
            )
            parts.append(text(x + step / 2, top - 4, str(count), anchor="middle"))
    said = ", ".join(f"{count} {between}" for count, between in zip(counts, ranges, strict=True) if count)
    return Picture(title, f"{name} of {len(values)} {of}: {said or 'none'}.", _BOTTOM + 40, "\n".join(parts))


def _whole(most: int, of: str) -> Axis:
    """An axis for counts, with whole numbers alone."""
    free = Axis(0, most * 1.1, of)
    return Axis(0, most * 1.1, of, [(value, f"{value:.0f}") for value, _ in free.written(5) if value == int(value)])
