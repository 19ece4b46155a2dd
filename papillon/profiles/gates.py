"""The tables ``gates.dev`` and ``gates.test`` of a profile: thresholds, and comparisons with accepted scores."""

from __future__ import annotations

from papillon.errors import ProfileError
from papillon.profiles.settings import BOUNDS, GATE_METRICS, REGRESSION_METRICS, GateSettings, RegressionSettings
from papillon.profiles.table import Table

__all__ = ["bounds", "gate_settings"]


def bounds(metric: str, table: Table | None, keys: tuple[str, ...]) -> tuple[float | None, float | None]:
    assert table is not None
    table.only(keys)
    range_ = BOUNDS.get(metric, (0, 1))
    low, high = table.number("min", *range_), table.number("max", *range_)
    if low is None and high is None:
        raise ProfileError(f"{table.where}: expected min or max, and there is neither.")
    if low is not None and high is not None and low > high:
        raise ProfileError(f"{table.where}: expected min to be at most max, got min = {low:g} and max = {high:g}.")
    return low, high


def gate_settings(table: Table) -> tuple[tuple[GateSettings, ...], tuple[RegressionSettings, ...]]:
    table.only(("dev", "test"))
    thresholds: list[GateSettings] = []
    regressions: list[RegressionSettings] = []
    for split in table.data:
        gates = table.table(split)
        assert gates is not None
        gates.only((*GATE_METRICS, "regression"))
        for metric in gates.data:
            entry = gates.table(metric)
            assert entry is not None
            if metric != "regression":
                low, high = bounds(metric, entry, ("min", "max", "confident"))
                thresholds.append(GateSettings(split, metric, low, high, entry.flag("confident", False)))
                continue
            entry.only(("baseline", "metrics", "max_drop", "max_unproven_drop"))
            baseline = entry.path("baseline")
            if baseline is None:
                raise ProfileError(f"{entry.where}: expected a key 'baseline' with a file of accepted scores.")
            metrics = entry.data.get("metrics", ["quality", "leakage"])
            if not isinstance(metrics, list) or not metrics or any(m not in REGRESSION_METRICS for m in metrics):
                raise ProfileError(
                    f"{entry.where}.metrics: expected a list out of {', '.join(REGRESSION_METRICS)}, got {metrics!r}."
                )
            unproven = entry.number("max_unproven_drop", 0, 1)
            regressions.append(
                RegressionSettings(
                    split,
                    baseline,
                    tuple(metrics),
                    max_drop=entry.number("max_drop", 0, 1),
                    max_unproven_drop=0.10 if unproven is None else unproven,
                )
            )
    return tuple(thresholds), tuple(regressions)
