"""Pictures: what is seen sooner than read: gates' intervals, quality against leakage, how leakage is spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from evals.harness.reports.trade_off import Scores, controls_beside, trade_off
from papillon.pictures import histogram
from papillon.pictures.elements import Shape, marker, path, rule
from papillon.results import ControlResult, GateResult, Row

__all__ = ["delegation", "leakage_histogram", "strip"]

_WIDE, _HIGH = 220, 28
_MARKERS: dict[str, Shape] = {"pass": "circle", "fail": "square", "inconclusive": "diamond", "deferred": "ring"}


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


def delegation(runs: Sequence[tuple[str, Scores]], controls: Sequence[ControlResult] = ()) -> Iterator[Markup]:
    """Quality against leakage for each split: the named runs, their controls that answer, and what others published."""
    laid = [*runs, *controls_beside([("", controls)])]
    for split in dict.fromkeys(split for _, scores in runs for split, seen in scores.items() if "quality" in seen):
        of_split = [(name, {split: scores[split]}) for name, scores in laid if split in scores]
        yield Markup(trade_off(of_split).svg())  # noqa: S704 - texts are escaped there


def leakage_histogram(rows: Sequence[Row], split: str) -> Markup | None:
    """How many rows with units leak which share of them, None where none has a score."""
    shares = [row.leakage for row in rows if row.units and row.leakage is not None]
    title = f"Leakage on {split}, rows with units"
    return Markup(histogram(title, shares, "leakage", of="rows").svg()) if shares else None  # noqa: S704
