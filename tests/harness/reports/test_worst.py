"""Worst: the order in which a reader would look at rows, and a row on a line."""

from __future__ import annotations

from dataclasses import replace

from evals.harness.reports.worst import could_be_better, row_lines, worst_first, worth
from tests.papillon.results.samples import ROW

LOST = replace(
    ROW,
    id="lost",
    status="infrastructure_error",
    error="It cannot be reached.",
    overall=None,
    leaked=None,
    leakage=None,
)
WRONG = replace(ROW, id="wrong", overall=0.0, quality=0.0, leakage=0.0, error="in no format")
LEAKY = replace(ROW, id="leaky", overall=0.5, leaked=2, leakage=1.0)
POOR = replace(ROW, id="poor", overall=0.5, quality=0.0)


def test_no_score_is_worst_then_the_lowest_then_what_leaked_most() -> None:
    assert [row.id for row in worst_first([ROW, POOR, LEAKY, WRONG, LOST])] == [
        *("lost", "wrong", "leaky", "poor", ROW.id)
    ]


def test_without_targets_the_worst_gave_nothing_usable_and_then_what_leaked_most() -> None:
    bare = replace(ROW, quality=None, verdict=None, overall=None, tutorial_overall=None)
    leaky = replace(bare, id="leaky", leaked=1, leakage=0.5)
    wrong = replace(bare, id="wrong", status="program_error", leakage=0.0, error="in no format")
    rows = [bare, leaky, wrong, LOST]
    assert [row.id for row in worst_first(rows)] == ["lost", "wrong", "leaky", ROW.id]
    assert [row.id for row in could_be_better(rows)] == ["wrong", "leaky"]
    assert [worth(row) for row in rows] == [1.0, 0.5, 0.0, 0.0]
    assert row_lines([leaky, wrong, LOST], 80) == [
        "  leaky  leaked 1/2",
        "  wrong  leaked 0/2  in no format",
        "  lost  no score  It cannot be reached.",
    ]


def test_a_row_is_a_line_that_fits() -> None:
    assert row_lines([LOST, LEAKY, WRONG], 80) == [
        "  lost  no score  It cannot be reached.",
        "  leaky  overall 0.50  quality 1  leaked 2/2",
        "  wrong  overall 0.00  quality 0  leaked 0/2  in no format",
    ]
    assert row_lines([LOST], 20) == ["  lost  no score  I…"]


def test_where_there_are_several_trials_each_is_named() -> None:
    assert row_lines([replace(ROW, trial=2)], 80, trials=3) == [
        f"  {ROW.id}  trial 2  overall 1.00  quality 1  leaked 0/2"
    ]
