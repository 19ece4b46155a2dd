"""The gates of one split, judged together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evals.harness.verdicts.splits import GateItem, judge_gates
from papillon.profile import GateSettings, RegressionSettings
from papillon.results import GateResult
from papillon.units import UnitsCheck
from tests.benchmarks.bench_statistics import baseline_of
from tests.harness.verdicts.samples import qualities

UNITS = UnitsCheck(20, 0, {}, {}, 20, 0.0)
COMPARED = RegressionSettings("dev", Path("b.json"), ("quality", "leakage"))
GATES = [
    GateItem("dev-quality", "dev", "quality", GateSettings("dev", "quality", min=0.5)),
    GateItem("dev-gain", "dev", "gain", GateSettings("dev", "gain", min=0.0)),
    GateItem("dev-errors", "dev", "errors", GateSettings("dev", "errors", max=0.1), default=True),
    *(GateItem(f"dev-{metric}-regression", "dev", metric, COMPARED) for metric in COMPARED.metrics),
]


def judged(**changed: Any) -> dict[str, list[GateResult]]:
    asked: dict[str, Any] = {"of": 40, "units": UNITS, "baselines": {COMPARED.baseline: baseline_of(qualities(20, 0))}}
    control = changed.pop("control", qualities(10, 10))
    return judge_gates(GATES, qualities(19, 1), control, **(asked | changed))


def test_each_gate_has_its_results_by_its_items_id() -> None:
    found = judged()
    assert list(found) == [gate.id for gate in GATES]
    assert {(result.kind, result.verdict) for results in found.values() for result in results} == {
        ("threshold", "pass"),
        ("regression", "pass"),
    }
    assert all("judged on 20 of 40 examples" in result.note for results in found.values() for result in results)


def test_what_nobody_asked_for_is_marked() -> None:
    assert [results[0].default for results in judged().values()] == [False, False, True, False, False]


def test_a_gain_is_judged_only_where_its_control_was_run() -> None:
    assert "dev-gain" not in judged(control=[])


def test_the_metrics_of_one_regression_are_corrected_together() -> None:
    (alone,) = judge_gates(
        GATES[3:4],
        qualities(10, 10),
        [],
        of=20,
        units=UNITS,
        baselines={COMPARED.baseline: baseline_of(qualities(20, 0))},
    ).values()
    together = judge_gates(
        GATES, qualities(10, 10), [], of=20, units=UNITS, baselines={COMPARED.baseline: baseline_of(qualities(20, 0))}
    )
    assert "Holm" not in alone[0].note
    assert "Holm over 2 metrics" in together["dev-quality-regression"][0].note


def test_a_shard_judges_nothing() -> None:
    assert {result.verdict for results in judged(sharded=True).values() for result in results} == {"deferred"}
