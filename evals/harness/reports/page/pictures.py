"""Pictures: what is seen sooner than read: gates' intervals, quality against leakage, how leakage is spread."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from papillon.results import GateResult, Row, RunResult

__all__ = ["delegation", "leakage_histogram", "strip"]

_WIDE, _HIGH = 220, 28


def strip(gate: GateResult) -> Markup:
    """A gate's value with its interval on a line, and what was asked as a shaded part of it; its figures stand beside.

    A mean lies on 0..1, a change or a coefficient around 0, as far as it reaches.
    """
    if gate.value is None:
        return Markup()
    around = gate.kind == "regression" or gate.metric == "gain" or min(gate.value, gate.low or 0) < 0
    reach = max(map(abs, [gate.value, gate.low or 0, gate.high or 0, gate.max_drop or 0, 0.1])) if around else 1
    least = -min(reach, 1) if around else 0.0
    most = max(1.0, gate.value, gate.high or 0) if not around else min(reach, 1)

    def at(value: float) -> str:
        return f"{6 + (_WIDE - 12) * (max(least, min(most, value)) - least) / (most - least):.1f}"

    middle = _HIGH / 2
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" class="strip" aria-hidden="true">']
    if gate.min is not None:
        parts.append(_band(at(gate.min), at(most)))
    if gate.max is not None:
        parts.append(_band(at(least), at(gate.max)))
    parts.append(f'<path class="axis" d="M{at(least)} {middle}H{at(most)}"/>')
    if around:
        parts.append(f'<path class="zero" d="M{at(0)} 4V{_HIGH - 4}"/>')
    for bound in (gate.min, gate.max):
        if bound is not None:
            parts.append(f'<path class="bound" d="M{at(bound)} 3V{_HIGH - 3}"/>')
    if gate.low is not None and gate.high is not None:
        low, high = at(gate.low), at(gate.high)
        parts.append(f'<path class="whisker" d="M{low} {middle}H{high}M{low} 9V{_HIGH - 9}M{high} 9V{_HIGH - 9}"/>')
    parts.append(f'<circle class="point" cx="{at(gate.value)}" cy="{middle}" r="4.5"/></svg>')
    return Markup("".join(parts))  # noqa: S704 - figures of ours alone


def _band(start: str, end: str) -> str:
    return (
        f'<rect class="band" x="{start}" y="4" width="{max(0.0, float(end) - float(start)):.1f}" height="{_HIGH - 8}"/>'
    )


def delegation(result: RunResult) -> Markup:
    """Quality against leakage: the run's splits and controls, and what others published."""
    return Markup()


def leakage_histogram(rows: Sequence[Row]) -> Markup:
    """How many rows leak how much."""
    return Markup()
