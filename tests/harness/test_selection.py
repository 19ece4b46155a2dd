"""What pytest selected, read from the ids of its items, also where other plugins put parts of their own into them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.selection import Selection, names_of, nothing_selected
from papillon.profile import ROOT


def plan(**named: Any) -> Plan:
    return Plan(resolve({option.dest: None for option in OPTIONS} | {"eval_profile": "embedded"} | named, ROOT))


PLAN = plan()
EXAMPLES = [example.id for example in PLAN.examples["dev"]]


def test_each_kind_is_told_by_its_suite() -> None:
    chosen = Selection(
        [
            f"evals/test_examples.py::test_example[{EXAMPLES[3]}]",
            "evals/test_gates.py::test_gate[dev-quality-regression]",
            "evals/test_controls.py::test_control[test-local-only]",
            "evals/test_judges.py::test_judge[quality]",
            f"tests/mine/test_other.py::test_example[{EXAMPLES[4]}]",
            "evals/test_examples.py::test_example[dev-0000-nothere]",
        ],
        PLAN,
    )
    assert chosen.examples == {EXAMPLES[3]}
    assert (chosen.gates, chosen.controls) == ({"dev-quality-regression"}, {"test-local-only"})
    assert chosen.judged == {"quality"}
    assert chosen.splits == {"dev", "test"}
    assert not Selection([], PLAN)


@given(st.sampled_from(EXAMPLES), st.sampled_from(["-1-2", "-0", "-2-3-x"]), st.booleans())
def test_an_item_that_a_plugin_repeats_is_the_same_example(example: str, part: str, before: bool) -> None:
    inside = f"{part[1:]}-{example}" if before else f"{example}{part}"
    assert Selection([f"evals/test_examples.py::test_example[{inside}]"], PLAN).examples == {example}


@pytest.mark.parametrize(
    "inside", ["dev-quality-regression-1-2]", "1-2-dev-quality-regression]@group", "dev-quality-regression]"]
)
def test_the_longest_id_is_meant(inside: str) -> None:
    assert Selection([f"evals/test_gates.py::test_gate[{inside}"], PLAN).gates == {"dev-quality-regression"}


def test_the_root_may_lie_anywhere() -> None:
    for path in ("test_gates.py", "deep/in/a/tree/evals/test_gates.py"):
        assert Selection([f"{path}::test_gate[dev-overall]"], PLAN).gates == {"dev-overall"}


def test_what_matched_nothing_is_answered_with_what_there_is_and_the_nearest() -> None:
    said = nothing_selected(PLAN, keyword="dev-0007-a753e36", marks="")
    assert said.startswith(f"No item matches -k 'dev-0007-a753e36': {sum(map(len, names_of(PLAN).values()))} ids are ")
    assert f"such as {EXAMPLES[0]}, the nearest is {EXAMPLES[7]}; -m takes dev, test and judges." in said
    said = nothing_selected(plan(eval_limit="3"), keyword="dev-0007", marks="dev")
    assert said.startswith("No item matches -m 'dev' and -k 'dev-0007': ")
    assert "ids are there under --eval-limit 3, such as " in said
    assert nothing_selected(PLAN, keyword="", marks="") == "Nothing of the evaluation was selected."
