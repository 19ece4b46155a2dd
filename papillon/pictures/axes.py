"""Axes: where a value lies, and the numbers and lines that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from papillon.pictures.elements import rule, text, wide

__all__ = ["Axis", "Frame", "around"]


@dataclass(frozen=True)
class Axis:
    """What one direction shows: values from ``low`` to ``high``, with a ``name``.

    ``ticks`` are the values that are written there, as (value, words); None for round numbers.
    """

    low: float
    high: float
    name: str = ""
    ticks: Sequence[tuple[float, str]] | None = None

    def written(self, most: int) -> list[tuple[float, str]]:
        """What is written along it, some ``most`` at most where the numbers are free."""
        if self.ticks is not None:
            return list(self.ticks)
        if self.low == self.high:
            return [(self.low, f"{self.low:g}")]
        step = self._step(most)
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(place * step, f"{place * step + 0.0:.{places}f}") for place in range(first, last + 1)]

    def _step(self, most: int) -> float:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        return next(size * power for size in (1, 2, 5, 10) if size * power >= rough - 1e-12)


def around(
    values: Iterable[float], name: str = "", *, least: float = 0.2, within: tuple[float, float] = (0, 1)
) -> Axis:
    """An axis that holds these values with some room, at least ``least`` long, and goes not beyond ``within``.

    The whole of ``within`` where there are no values.
    """
    held = [min(max(value, within[0]), within[1]) for value in values if math.isfinite(value)]
    if not held:
        return Axis(*within, name)
    low, high = min(held), max(held)
    room = max(least - (high - low), 0.1 * (high - low)) / 2
    low, high = low - room, high + room
    # What would stand out beyond one end is given to the other.
    low, high = max(within[0], low - max(0.0, high - within[1])), min(within[1], high + max(0.0, within[0] - low))
    return Axis(low, high, name)


@dataclass(frozen=True)
class Frame:
    """The rectangle in which values are drawn, by its edges, and what its two directions show."""

    left: float
    right: float
    top: float
    bottom: float
    across: Axis
    up: Axis

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * _share(value, self.across)

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * _share(value, self.up)

    def drawn(self) -> list[str]:
        """Lines across at the numbers of the upward axis, and what is written along both; the names are below."""
        parts = []
        for value, words in self.up.written(6):
            y = self.y(value)
            parts.append(rule(f"M{self.left:g} {y:.1f}H{self.right:g}", 0.5 if value == 0 else 0.15))
            parts.append(text(self.left - 8, y + 4, words, anchor="end"))
        end = -math.inf
        for value, words in self.across.written(8):
            x, half = self.x(value), wide(words) / 2
            # The first and the last stay inside; whatever would stand in another's place is left out.
            x = min(max(x, half), self.right + 8 - half)
            if x - half < end + 6:
                continue
            end = x + half
            parts.append(rule(f"M{self.x(value):.1f} {self.bottom:g}v4", 0.5))
            parts.append(text(x, self.bottom + 17, words, anchor="middle"))
        if self.across.name:
            parts.append(text((self.left + self.right) / 2, self.bottom + 34, self.across.name, anchor="middle"))
        if self.up.name:
            parts.append(text(8, self.top - 8, self.up.name))
        return [*parts, rule(f"M{self.left:g} {self.bottom:g}H{self.right:g}", 0.5)]


def _share(value: float, axis: Axis) -> float:
    return 0.5 if axis.high == axis.low else min(max((value - axis.low) / (axis.high - axis.low), 0.0), 1.0)
