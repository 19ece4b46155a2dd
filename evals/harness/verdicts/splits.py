"""Splits: all the gates of one split, judged together over its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evals.harness.verdicts.baseline import Baseline
from evals.harness.verdicts.corrected_gates import judge_corrected
from evals.harness.verdicts.gates import Regression, deferred
from evals.harness.verdicts.labelled import Answers
from evals.harness.verdicts.regressions import judge_regressions
from evals.harness.verdicts.thresholds import judge_gain, judge_threshold
from papillon.profile import GateSettings, RegressionSettings
from papillon.results.gates import GateResult
from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = ["GateItem", "judge_gates"]


@dataclass(frozen=True)
class GateItem:
    """One gate to collect: a threshold, or one metric of a regression; ``id`` names its test item.

    ``settings`` says what it requires, ``default`` that no profile sets it.
    """

    id: str
    split: str
    metric: str
    settings: GateSettings | RegressionSettings
    default: bool = False


def judge_gates(
    gates: Iterable[GateItem],
    rows: Sequence[Row],
    control: Sequence[Row],
    *,
    of: int,
    units: UnitsCheck,
    baselines: Mapping[Path, Baseline],
    answers: Answers | None = None,
    yet: str = "",
    sharded: bool = False,
) -> dict[str, list[GateResult]]:
    """The verdicts of one split's gates by gate id, over its rows and those of ``local-only``.

    The split has ``of`` examples, ``units`` is the check of the selected ones' data, ``baselines`` holds the accepted
    scores by file, ``answers`` what people say of rows, None where no labels were named, and ``yet`` why no verdict may
    rest on that yet; in a shard every verdict is ``deferred``.
    All are judged together, selected or not, so that a selection does not change a verdict that is
    corrected for the number of metrics; a gain is judged only where its control was run.
    """
    judged: dict[str, list[GateResult]] = {}
    compared: dict[RegressionSettings, list[GateItem]] = {}
    for gate in gates:
        if isinstance(gate.settings, RegressionSettings):
            compared.setdefault(gate.settings, []).append(gate)
        elif gate.settings.corrected:
            judged[gate.id] = judge_corrected(gate.settings, rows, answers, of=of, units=units, yet=yet)
        elif gate.metric != "gain":
            results = judge_threshold(gate.settings, rows, of=of, units=units)
            judged[gate.id] = [replace(result, default=gate.default) for result in results]
        elif control:
            judged[gate.id] = judge_gain(gate.settings, rows, control, of=of)
    for settings, items in compared.items():
        name, drops = settings.baseline.name, (settings.max_drop, settings.max_unproven_drop)
        regressions = [Regression(gate.split, gate.metric, name, *drops) for gate in items]
        results = judge_regressions(regressions, rows, baselines[settings.baseline], of=of, units=units)
        judged |= {gate.id: [result] for gate, result in zip(items, results, strict=True)}
    if sharded:
        judged = {gate_id: [deferred(result) for result in results] for gate_id, results in judged.items()}
    return judged
