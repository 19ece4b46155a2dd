"""What a run gates beyond what its profile asks: program errors, wherever anything else is gated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.harness.baseline_files import write_baseline
from evals.harness.options import OPTIONS, RunSettings, resolve
from evals.harness.plan import Plan
from evals.harness.verdicts.splits import GateItem
from papillon.errors import UsageError
from papillon.profile import GateSettings, RegressionSettings
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import baseline

QUALITY = GateSettings("dev", "quality", min=0.5)
REGRESSION = RegressionSettings("test", Path("accepted.json"), ("leakage",))


def settings(gates: tuple[GateSettings, ...] = (), regressions: tuple[RegressionSettings, ...] = ()) -> RunSettings:
    resolved = resolve({option.dest: None for option in OPTIONS}, Path.cwd())
    return replace(resolved, profile=replace(resolved.profile, gates=gates, regressions=regressions))


def shown(items: list[GateItem]) -> list[str]:
    return [item.id + " (default)" * item.default for item in items]


@pytest.mark.parametrize(
    ("gates", "regressions", "items"),
    [
        ((), (), []),
        ((QUALITY,), (), ["dev-quality", "dev-errors (default)"]),
        ((), (REGRESSION,), ["test-errors (default)", "test-leakage-regression"]),
        ((GateSettings("dev", "errors", max=0.5), QUALITY), (), ["dev-errors", "dev-quality"]),
        (
            (QUALITY,),
            (REGRESSION,),
            ["dev-quality", "dev-errors (default)", "test-errors (default)", "test-leakage-regression"],
        ),
    ],
)
def test_a_split_that_is_gated_gates_its_program_errors(
    gates: tuple[GateSettings, ...], regressions: tuple[RegressionSettings, ...], items: list[str]
) -> None:
    plan = Plan(settings(gates, regressions))
    assert shown(plan.gates) == items
    assert {gate.settings for gate in plan.gates if gate.default} <= {
        GateSettings(split, "errors", max=0.10) for split in ("dev", "test")
    }


def test_more_samples_than_results_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.harness.plan.MOST_SAMPLES", 30)
    resolved = settings()
    plan = Plan(replace(resolved, limit=4, profile=replace(resolved.profile, trials=10)))
    with pytest.raises(UsageError) as refused:
        _ = plan.data
    assert str(refused.value) == (
        "Expected at most 30 samples of a split, got 40 of 10 trials each; take fewer with --eval-trials, or fewer "
        "examples with --eval-limit."
    )
    assert Plan(replace(resolved, limit=3, profile=replace(resolved.profile, trials=10))).data


def test_a_baseline_that_is_named_brings_the_gate_on_errors_with_it(tmp_path: Path) -> None:
    write_baseline(baseline([row(0)]), tmp_path / "b.json")
    plan = Plan(replace(settings(), baseline_file=tmp_path / "b.json"))
    assert shown(plan.gates) == ["dev-errors (default)", "dev-quality-regression", "dev-leakage-regression"]


@pytest.mark.parametrize(
    "aside", [{"departs": ("--eval-dataset",)}, {"departs": ("--eval-judge",)}, {"accept": True}], ids=str
)
def test_a_regression_that_an_option_set_aside_leaves_the_gate_on_errors(aside: dict[str, Any]) -> None:
    assert shown(Plan(replace(settings(regressions=(REGRESSION,)), **aside)).gates) == ["test-errors (default)"]


def test_a_baseline_that_is_named_leaves_the_gates_on_errors_of_the_profiles_other_splits(tmp_path: Path) -> None:
    write_baseline(baseline([row(0)]), tmp_path / "b.json")
    plan = Plan(replace(settings(regressions=(REGRESSION,)), baseline_file=tmp_path / "b.json"))
    assert [item for item in shown(plan.gates) if "default" in item] == [
        "dev-errors (default)",
        "test-errors (default)",
    ]


def test_where_nothing_is_named_nothing_is_added(tmp_path: Path) -> None:
    assert Plan(replace(settings(), accept=True, baseline_file=tmp_path / "b.json")).gates == []


class TestComparisons:
    """What a split's scores are accepted for, and compared by."""

    def test_the_profiles_own(self) -> None:
        plan = Plan(settings(regressions=(REGRESSION,)))
        assert (plan.comparisons("test"), plan.comparisons("dev")) == ([REGRESSION], [])

    def test_with_the_file_that_was_named_and_what_the_profile_asks_of_the_split(self, tmp_path: Path) -> None:
        file = tmp_path / "b.json"
        plan = Plan(replace(settings(regressions=(REGRESSION,)), baseline_file=file))
        assert plan.comparisons("test") == [RegressionSettings("test", file, ("leakage",))]
        assert plan.comparisons("dev") == [RegressionSettings("dev", file, ("quality", "leakage"))]


def test_without_targets_a_plan_holds_no_control_of_quality_and_compares_leakage(tmp_path: Path) -> None:
    own = settings()
    bare = replace(own, profile=replace(own.profile, targets=False, controls=True))
    plan = Plan(bare)
    assert {name for _, name in plan.controls} == {"empty", "verbatim", "redacted"}
    assert not any(example.targets for examples in plan.examples.values() for example in examples)
    write_baseline(baseline([row(0)]), tmp_path / "b.json")
    named = Plan(replace(bare, baseline_file=tmp_path / "b.json"))
    assert shown(named.gates) == ["dev-errors (default)", "dev-leakage-regression"]
