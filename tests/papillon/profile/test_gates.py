"""Gates of a profile: what data without targets can be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from papillon.errors import ProfileError
from papillon.profile import Profile, parse_profile
from papillon.profile.settings import TARGET_METRICS
from papillon.results.rows import OF_TARGETS

FREE = "leakage, carried, verbatim_leakage, errors"


def parse(gates: dict[str, Any]) -> Profile:
    models = {"local": {"model": "openai/l"}, "untrusted": {"model": "openai/u"}}
    return parse_profile("mine", Path("/base/mine.toml"), {**models, "targets": False, "gates": {"dev": gates}})


def test_the_metrics_of_targets_are_those_that_rows_lack_without_them_and_the_gain() -> None:
    assert set(TARGET_METRICS) == {*OF_TARGETS, "gain"}


@pytest.mark.parametrize("metric", TARGET_METRICS)
def test_no_gate_on_what_rests_on_targets(metric: str) -> None:
    with pytest.raises(ProfileError) as refused:
        parse({metric: {"min": 0.1}})
    assert str(refused.value) == (
        f"Profile 'mine' (/base/mine.toml).gates.dev.{metric}: expected metrics that need no target ({FREE}), "
        f"as targets = false says there are none, got {metric}."
    )


def test_a_regression_is_of_leakage_unless_it_says_more() -> None:
    assert parse({"regression": {"baseline": "b.json"}}).regressions[0].metrics == ("leakage",)
    named = {"baseline": "b.json", "metrics": ["carried", "errors"]}
    assert parse({"regression": named}).regressions[0].metrics == ("carried", "errors")


def test_a_regression_of_quality_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"gates\.dev\.regression\.metrics: expected .*, got quality, overall\.$"):
        parse({"regression": {"baseline": "b.json", "metrics": ["quality", "leakage", "overall"]}})


def test_leakage_carried_and_errors_are_gated() -> None:
    gates = parse({metric: {"max": 0.5} for metric in FREE.split(", ")}).gates
    assert [gate.metric for gate in gates] == FREE.split(", ")
