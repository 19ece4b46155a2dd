"""What a selection needs: no more than was selected, and all that its gates and controls rest on."""

from __future__ import annotations

from dataclasses import replace

from evals.harness.evaluation.scheduler import PROGRAM
from evals.harness.needs import Needs
from evals.harness.plan import Plan
from evals.harness.selection import Selection
from papillon.profile import GateSettings
from tests.harness.test_plan import settings


def needs(*items: str, trials: int = 1) -> Needs:
    """What these items need of a plan over ``mini`` with a gate on the gain, by the ends of their node ids."""
    asked = settings((GateSettings("dev", "gain", min=0.0), GateSettings("dev", "quality", min=0.5)))
    asked = replace(asked, profile=replace(asked.profile, trials=trials, dataset="mini", controls=True))
    plan = Plan(asked)
    first = plan.examples["dev"][0].id
    return Needs(plan, Selection([f"evals/{item.format(first=first)}" for item in items], plan))


def test_an_example_alone_needs_its_own_samples() -> None:
    found = needs("test_examples.py::test_example[{first}]", trials=3)
    assert (found.gates, found.controls) == ([], [])
    assert [(subject, split, len(jobs)) for (subject, split), jobs in found.jobs.items()] == [(PROGRAM, "dev", 3)]


def test_a_gate_alone_needs_all_of_its_split() -> None:
    found = needs("test_gates.py::test_gate[dev-quality]")
    assert [gate.id for gate in found.gates] == ["dev-quality"]
    assert (len(found.examples["dev"]), found.controls) == (20, [])


def test_a_gate_on_the_gain_needs_its_control_once_over_the_same_examples() -> None:
    alone = needs("test_gates.py::test_gate[dev-gain]", "test_examples.py::test_example[{first}]")
    assert alone.controls == [("dev", "local-only")]
    assert len(alone.jobs["local-only", "dev"]) == 1
    both = needs("test_gates.py::test_gate[dev-gain]", "test_controls.py::test_control[dev-local-only]", trials=2)
    assert both.controls == [("dev", "local-only")]
    # A control has one sample of each example, however many trials the program has.
    assert len(both.jobs["local-only", "dev"]) == 20
    assert len(both.jobs[PROGRAM, "dev"]) == 40
