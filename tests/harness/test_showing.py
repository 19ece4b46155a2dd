"""Showing: whose texts are shown is for the command line to say; they travel in a report that nobody else gets."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from evals.harness.showing import SHOWN, Showing, add_to_failure, take
from tests.papillon.results.samples import ROW

LOST = replace(ROW, status="infrastructure_error", overall=None)
NAMES = [f"dev-000{number}" for number in range(7)]


def showing(*args: str, verbosity: int = 2, keyword: str = "", chosen: list[str] | None = None, failing: bool = False):  # type: ignore[no-untyped-def]
    config: Any = SimpleNamespace(
        pluginmanager=SimpleNamespace(get_plugin=lambda name: None),
        get_verbosity=lambda: verbosity,
        getoption=lambda name, default: keyword,
        args=list(args) or ["evals"],
    )
    plan: Any = SimpleNamespace(
        examples={"dev": [SimpleNamespace(id=name) for name in NAMES]}, settings=SimpleNamespace(show_text=failing)
    )
    selection: Any = SimpleNamespace(examples=set(NAMES if chosen is None else chosen))
    return Showing.of(config, plan, selection)


def test_with_vv_the_first_five_of_those_that_were_selected_by_name_are_shown() -> None:
    assert showing(keyword="dev-000").named == set(NAMES[:5])
    assert showing("evals/test_examples.py::test_example[dev-0003]", chosen=["dev-0003"]).named == {"dev-0003"}


@pytest.mark.parametrize(
    "one", [showing(), showing("evals/test_examples.py::test_example"), showing(keyword="dev", verbosity=1)]
)
def test_without_vv_or_without_a_selection_none_is(one: Showing) -> None:
    assert one.named == frozenset()
    assert not one.shows(replace(ROW, id=NAMES[0]))


def test_failing_ones_are_shown_where_that_was_asked_for() -> None:
    assert showing(verbosity=0, failing=True).shows(LOST)
    assert not showing(verbosity=0, failing=True).shows(ROW)
    assert not showing(verbosity=0).shows(LOST)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (showing(verbosity=0), ""),
        (showing(keyword="x", chosen=NAMES[:2]), ""),
        (showing(), "-vv shows texts where examples are selected by -k or by node id; papillon show ID shows one."),
        (showing(keyword="x"), "-vv shows the texts of 5 of the 7 examples selected; papillon show ID shows one."),
        (showing(keyword="x", chosen=[]), "-vv shows texts where examples are selected by -k or by node id; papi"),
    ],
)
def test_what_was_not_shown_is_named_with_the_command_for_it(one: Showing, said: str) -> None:
    closing = one.closing("papillon show")
    assert closing.startswith(said)
    assert bool(closing) == bool(said)
    assert not said or "no folder to show others from" in one.closing("")


def report(failure: Any = None) -> Any:
    sections = [("Captured stdout call", "mine"), (f"Captured {SHOWN} call", "private")]
    return SimpleNamespace(sections=sections, longrepr=failure, nodeid="evals/test_examples.py::test_example[dev-0001]")


def test_texts_are_taken_out_of_a_report_and_nothing_else_is() -> None:
    one = report()
    assert take(one) == "private"
    assert one.sections == [("Captured stdout call", "mine")]
    assert take(one) == ""


def test_a_failure_gets_them_as_a_section_of_its_own() -> None:
    added: list[Any] = []
    one = report(SimpleNamespace(addsection=lambda *section: added.append(section)))
    add_to_failure(one)
    assert added == [("everything about dev-0001", "private")]
    assert len(one.sections) == 1
