"""A comparison as data: its JSON both ways, which runs can be compared, and which were of a selection."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from papillon.results import SplitInfo
from papillon.results.comparison import Change, Comparison, incomparable, selected
from papillon.results.run import DatasetInfo, ModelNames
from papillon.units import UnitsCheck
from tests.papillon.results.generated import values
from tests.papillon.results.samples import INFO, ROW, result


@given(values(Comparison))
@settings(max_examples=40, deadline=None)
def test_its_json_is_exact_both_ways(comparison: Comparison) -> None:
    data = json.loads(json.dumps(comparison.to_json()))
    assert data == comparison.to_json()
    assert Comparison.from_json(data) == comparison


def test_figures_have_six_places_and_no_negative_zero() -> None:
    change = Change("quality", 1 / 3, 1 / 3, -1e-9, -0.1234567, 0.1, 3, 3, 0, 0, 1.0, False, 0.5)
    assert (change.before, change.low) == (0.333333, -0.123457)
    assert str(change.difference) == "0.0"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, ""),
        ({"profile": "other", "id": "other", "versions": {}}, ""),
        (
            {"dataset": DatasetInfo("pupa_new", "1" * 64, 664, "grouped")},
            "they are over other data (mini and pupa_new)",
        ),
        (
            {"dataset": DatasetInfo("mini", "1" * 64, 60, "grouped")},
            "they are over other data (mini and mini of the same name but with other rows)",
        ),
        (
            {"dataset": DatasetInfo("mini", "0" * 64, 60, "tutorial")},
            "their data are split in other ways (grouped and tutorial)",
        ),
        (
            {"models": ModelNames("openai/local", "openai/untrusted", "lexical")},
            "other judges scored them (openai/judge and lexical)",
        ),
        ({"judged_by": {"prompts": "b"}}, "the judge openai/judge was asked in other words (its prompts differ)"),
        ({"judged_by": {}}, ""),
        ({"scores": 1}, "their scores are of other definitions (versions 2 and 1)"),
    ],
)
def test_runs_are_comparable_when_data_split_judge_and_definitions_are_the_same(
    other: dict[str, object], why: str
) -> None:
    info = replace(INFO, judged_by={"prompts": "a"})
    assert incomparable(info, replace(info, **other)) == why  # type: ignore[arg-type]


def test_a_run_of_a_selection_says_what_it_saw() -> None:
    split = SplitInfo("dev", 20, 1, UnitsCheck(20, 0, {}, {}, 20, 0.0))
    rows = [replace(ROW, id=f"dev-{i:04d}") for i in range(20)]
    assert selected(result(*rows, splits=(split,))) == ""
    assert selected(result(*rows, splits=(replace(split, selected=3),))) == "it saw 3 of 20 examples of dev"
    lost = replace(ROW, status="infrastructure_error")
    assert selected(result(*rows[1:], lost, splits=(split,))) == "1 of its 20 rows have no score"
    assert selected(result(*rows[:15], splits=(split,))) == "5 of its 20 rows have no score"
    assert selected(replace(result(), rows=())) == "it has no rows"
