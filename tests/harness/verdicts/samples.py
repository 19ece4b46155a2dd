"""Rows for verdicts, from the few figures that a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evals.harness.verdicts.gates import Regression
from evals.harness.verdicts.regressions import judge_regressions
from papillon.results import GateResult, Row
from papillon.results.rows import Status
from tests.benchmarks.bench_statistics import baseline_of

__all__ = ["only", "qualities", "regress", "row"]


def row(
    i: int,
    quality: float = 1.0,
    leaked: int = 0,
    *,
    units: int = 1,
    trial: int = 0,
    group: str | None = None,
    failed: bool = False,
    split: str = "dev",
    status: Status = "scored",
    carried: float | None = None,
) -> Row:
    """A scored row or a program error, or with ``failed`` an infrastructure error."""
    name = f"{split}-{i:04d}"
    if failed:
        nothing = (None,) * 4
        return Row(name, split, trial, group or name, "infrastructure_error", "refused", *nothing, units, *nothing, 0.0)
    leakage = leaked / units if units else 0.0
    overall = (quality + 1 - leakage) / 2
    return Row(
        name,
        split,
        trial,
        group or name,
        status,
        None,
        quality,
        "tie",
        leaked,
        leaked,
        units,
        leakage,
        leaked,
        overall,
        overall,
        0.0,
        carried=quality if carried is None else carried,
    )


def qualities(good: int, bad: int, **more: Any) -> list[Row]:
    return [row(i, quality=float(i < good), **more) for i in range(good + bad)]


def only(results: list[GateResult]) -> GateResult:
    (result,) = results
    return result


def regress(
    before: Sequence[Row],
    after: Sequence[Row],
    metric: str = "quality",
    max_drop: float | None = None,
    max_unproven_drop: float = 0.10,
) -> GateResult:
    gate = Regression("dev", metric, "accepted.json", max_drop, max_unproven_drop)
    return only(judge_regressions([gate], after, baseline_of(before)))
