"""Verdicts: a plan's gates judged over a run's rows; the decisions themselves are pure and live in gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evals.harness.plan import GateItem, Plan
from evals.harness.verdicts.gates import (
    GateResult,
    Regression,
    deferred,
    judge_gain,
    judge_regressions,
    judge_threshold,
)
from papillon.profile import RegressionSettings
from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = ["judge_gates"]


def judge_gates(
    plan: Plan, split: str, rows: Sequence[Row], control: Sequence[Row], units: UnitsCheck
) -> dict[str, list[GateResult]]:
    """The verdicts of all of one split's gates by gate id, over its rows and those of ``local-only``.

    ``units`` is the check of the data behind the rows.
    All are judged together, selected or not, so that a selection does not change a verdict that is
    corrected for the number of metrics; a gain is judged only where its control was run.
    """
    of = plan.whole[split]
    judged: dict[str, list[GateResult]] = {}
    compared: dict[RegressionSettings, list[GateItem]] = {}
    for gate in plan.gates:
        if gate.split != split:
            continue
        if isinstance(gate.settings, RegressionSettings):
            compared.setdefault(gate.settings, []).append(gate)
        elif gate.metric != "gain":
            results = judge_threshold(gate.settings, rows, of=of, units=units)
            judged[gate.id] = [replace(result, default=gate.default) for result in results]
        elif control:
            judged[gate.id] = judge_gain(gate.settings, rows, control, of=of)
    for settings, gates in compared.items():
        name, drops = settings.baseline.name, (settings.max_drop, settings.max_unproven_drop)
        asked = [Regression(split, gate.metric, name, *drops) for gate in gates]
        results = judge_regressions(asked, rows, plan.baselines[settings.baseline], of=of, units=units)
        judged |= {gate.id: [result] for gate, result in zip(gates, results, strict=True)}
    if plan.settings.shard is not None:
        judged = {gate_id: [deferred(result) for result in results] for gate_id, results in judged.items()}
    return judged
