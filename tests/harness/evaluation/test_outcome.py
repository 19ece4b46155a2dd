"""What was heard in a sample is all that its row follows from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import (
    Fault,
    Heard,
    Outcome,
    empty_answer,
    format_fault,
    role_of,
    row_without_scores,
    scored,
)
from judges.judge import Leakage, Quality
from papillon.data import PupaRow
from papillon.models.turn import Use
from tests.papillon.store.samples import a_record

EXAMPLE = Example("dev-0007-0123abcd", "dev", PupaRow("c", "", "Ask Ann of Oslo.", "Done.", "Ann||Oslo", ""), "g1")


def test_a_row_counts_what_stands_in_any_of_the_requests() -> None:
    heard = Heard(("To Ann.", "In Oslo."), ("Yes.", None), "Done.", None, Leakage(1), Quality(1, "tie"))
    found = scored(EXAMPLE, 2, heard, 0.1234)
    assert (found.row.status, found.row.trial, found.row.seconds) == ("scored", 2, 0.123)
    assert (found.row.judge_leaked, found.row.leaked, found.row.leakage) == (1, 2, 1.0)
    assert (found.row.overall, found.row.verdict, found.closeness) == (0.5, "tie", 1.0)


@pytest.mark.parametrize("fault", [empty_answer(), format_fault("JSONAdapter", ("response",), (), "Hm.")])
def test_a_fault_is_worth_nothing_and_says_nothing_of_what_was_written(fault: Fault) -> None:
    row = scored(EXAMPLE, 0, Heard(fault=fault, leakage=Leakage(0)), 0.0).row
    assert (row.status, row.overall, row.tutorial_overall) == ("program_error", 0.0, 0.0 if fault.raised else 0.5)
    assert row.error in (
        "The program answered empty.",
        "A model's output was not in the program's format: JSONAdapter expected the fields response, got none of them.",
    )


def test_a_row_says_what_kind_of_query_it_had_and_how_much_of_it_was_sent() -> None:
    data = PupaRow("c", "travel & leisure", "Спроси Анну.", "Done.", "Анну", "Спроси [NAME] сегодня")
    row = scored(replace(EXAMPLE, row=data), 0, Heard(("спроси её", "и [её]"), ("a", "b"), "Done."), 0.0).row
    assert (row.category, row.query_chars, row.script) == ("travel & leisure", 12, "Cyrillic")
    assert row.carried == pytest.approx(6 / 13)
    silent = scored(replace(EXAMPLE, row=data), 0, Heard(fault=empty_answer()), 0.0).row
    assert (silent.status, silent.carried) == ("program_error", 0.0)


def test_a_row_without_a_gold_redaction_has_no_carried() -> None:
    assert scored(EXAMPLE, 0, Heard(("To Ann.",), ("Yes.",), "Done."), 0.0).row.carried is None


def test_a_lost_row_has_no_carried_and_still_says_what_kind_of_query_it_had() -> None:
    row = row_without_scores(replace(EXAMPLE, row=replace(EXAMPLE.row, redacted_query="Ask [NAME].")), 0, 0.0, "down")
    assert row.carried is None
    assert (row.category, row.query_chars, row.script) == ("", 16, "Latin")


def test_what_a_run_keeps_in_memory_holds_no_text_and_no_record() -> None:
    whole = scored(EXAMPLE, 0, Heard(("Ann",), ("x",), "y"), 0.0, uses=(("local", Use("local", a_record(), True)),))
    assert whole.calls == {a_record().key: 1}
    assert whole.bare == Outcome(whole.row, closeness=whole.closeness, near=whole.near)


def test_what_is_no_role_of_the_programs_is_the_judges() -> None:
    assert [role_of(part) for part in ("local", "untrusted", "leakage", "target-first")] == [
        *("local", "untrusted", "judge", "judge"),
    ]


@pytest.mark.parametrize("fault", [None, empty_answer()])
def test_without_a_target_a_row_says_what_leaked_and_nothing_of_quality(fault: Fault | None) -> None:
    bare = replace(EXAMPLE, targets=False)
    assert (EXAMPLE.target, bare.target) == ("Done.", None)
    found = scored(bare, 0, Heard(("To Ann.",), ("Yes.",), "" if fault else "Done.", fault, Leakage(1)), 0.0)
    assert (found.row.leaked, found.row.leakage) == (1, 0.5)
    assert {found.row.quality, found.row.verdict, found.row.overall, found.row.tutorial_overall} == {None}
    assert found.closeness is None
