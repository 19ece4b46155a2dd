"""The tables ``gates.dev`` and ``gates.test`` of a profile: thresholds, and comparisons with accepted scores."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from papillon.errors import ProfileError
from papillon.profile.settings import BOUNDS, CORRECTED_METRICS, GATE_METRICS, GateSettings, RegressionSettings
from papillon.profile.table import Table
from papillon.shape import at_least, between

__all__ = ["bounds", "gate_settings"]


def bounds(metric: str, table: Table) -> tuple[float | None, float | None]:
    """The least and the most that a bar on ``metric`` allows, where a table says nothing else; raises ProfileError."""
    table.only(("min", "max"))
    low, high = (_bound(metric, table, key) for key in ("min", "max"))
    _check_bounds(table, low, high)
    return low, high


def _bound(metric: str, table: Table, key: str) -> float | None:
    low, high = BOUNDS.get(metric, (0, 1))
    value: float | None = table.value(key, Annotated[float, at_least(low) if high is None else between(low, high)])
    return value


def _check_bounds(table: Table, low: float | None, high: float | None) -> None:
    if low is None and high is None:
        raise ProfileError(f"{table.where}: expected min or max, and there is neither.")
    if low is not None and high is not None and low > high:
        raise ProfileError(f"{table.where}: expected min to be at most max, got min = {low:g} and max = {high:g}.")


def gate_settings(table: Table) -> tuple[tuple[GateSettings, ...], tuple[RegressionSettings, ...]]:
    """The thresholds and the comparisons that a table ``gates`` asks for; raises ProfileError."""
    table.only(("dev", "test"))
    thresholds: list[GateSettings] = []
    regressions: list[RegressionSettings] = []
    for split, gates in table.tables().items():
        gates.only((*GATE_METRICS, "regression"))
        for metric, entry in gates.tables().items():
            if metric == "regression":
                regressions.append(entry.read(RegressionSettings, {"split": split}))
                continue
            own = dict.fromkeys(("min", "max"), partial(_bound, metric))
            gate = entry.read(GateSettings, {"split": split, "metric": metric}, own)
            _check_bounds(entry, gate.min, gate.max)
            if gate.corrected and metric not in CORRECTED_METRICS:
                raise ProfileError(
                    f"{entry.where}.corrected: expected a metric that people label, "
                    f"{' or '.join(CORRECTED_METRICS)}, got {metric}."
                )
            thresholds.append(gate)
    return tuple(thresholds), tuple(regressions)
