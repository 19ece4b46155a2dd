"""Pictures: what is seen sooner than read: gates' intervals, quality against leakage, how leakage is spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from papillon.pictures import Dot, histogram, scatter
from papillon.pictures.elements import Shape, marker, path, rule
from papillon.results import ControlResult, GateResult, Measure, Row
from papillon.results.published import PUBLISHED

__all__ = ["delegation", "leakage_histogram", "strip"]

_WIDE, _HIGH = 220, 28
_MARKERS: dict[str, Shape] = {"pass": "circle", "fail": "square", "inconclusive": "diamond", "deferred": "ring"}
#: The controls that answer; the others lie where their definition puts them.
_LAID_BESIDE = ("verbatim", "redacted", "local-only")


def strip(gate: GateResult) -> Markup:
    """A gate's value with its interval on a line, and what was asked as a shaded part of it; its figures stand beside.

    A mean lies on 0..1, a change or a coefficient around 0, as far as it reaches.
    """
    if gate.value is None:
        return Markup()
    held = [bound for bound in (gate.value, gate.low, gate.high, gate.min, gate.max) if bound is not None]
    around = gate.kind == "regression" or gate.metric == "gain" or min(held) < 0
    most = max(0.1, *map(abs, held)) if around else max(1.0, *held)
    least = -most if around else 0.0

    def at(value: float) -> float:
        return round(6 + (_WIDE - 12) * (value - least) / (most - least), 1)

    middle = _HIGH / 2
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH}" class="strip" aria-hidden="true">']
    if gate.min is not None or gate.max is not None:
        start, end = at(least if gate.min is None else gate.min), at(most if gate.max is None else gate.max)
        parts.append(
            f'<rect class="band" x="{start:g}" y="4" width="{max(0.0, end - start):.1f}" height="{_HIGH - 8}"/>'
        )
    parts.append(rule(f"M{at(least):g} {middle:g}H{at(most):g}", 0.25))
    bounds = [bound for bound in (gate.min, gate.max) if bound is not None]
    parts += [rule(f"M{at(bound):g} 3V{_HIGH - 3}", 0.9) for bound in bounds]
    if around:
        parts.append(rule(f"M{at(0):g} 3V{_HIGH - 3}", 0.5))
    if gate.low is not None and gate.high is not None:
        parts.append(path(f"M{at(gate.low):g} {middle:g}H{at(gate.high):g}", gate.verdict, width=3))
    parts.append(marker(at(gate.value), middle, _MARKERS[gate.verdict], gate.verdict))
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - figures alone


def delegation(
    runs: Iterable[tuple[str, Mapping[str, Measure]]], controls: Sequence[ControlResult], title: str
) -> Markup | None:
    """Quality against leakage: means by name, the controls of the first split, and what others published."""
    dots = []
    for name, seen in runs:
        quality, leaked = (seen.get(metric, Measure(None)) for metric in ("quality", "leakage"))
        if quality.value is not None and leaked.value is not None:
            dots.append(Dot(name, leaked.value, quality.value, _between(leaked), _between(quality)))
    if not dots:
        return None
    for control in controls:
        laid = control.split == controls[0].split and control.name in _LAID_BESIDE
        if laid and control.leakage is not None and control.quality is not None:
            dots.append(Dot(f"control {control.name}", control.leakage, control.quality))
    for each in PUBLISHED:
        if each.quality is not None and each.leakage is not None:
            dots.append(Dot(each.system, each.leakage, each.quality, published=True, said=f"published, {each.data}"))
    return Markup(scatter(title, dots, "leakage", "quality").svg())  # noqa: S704 - texts are escaped there


def _between(seen: Measure) -> tuple[float, float] | None:
    return None if seen.low is None or seen.high is None else (seen.low, seen.high)


def leakage_histogram(rows: Sequence[Row], split: str) -> Markup | None:
    """How many rows with units leak which share of them, None where none has a score."""
    shares = [row.leakage for row in rows if row.units and row.leakage is not None]
    title = f"Leakage on {split}, rows with units"
    return Markup(histogram(title, shares, "leakage", of="rows").svg()) if shares else None  # noqa: S704
