"""Worst: the order in which a reader would look at rows, and a row on a line."""

from __future__ import annotations

from dataclasses import replace

from evals.harness.reports.worst import row_lines, worst_first
from tests.papillon.results.samples import ROW

LOST = replace(ROW, id="lost", status="infrastructure_error", error="It cannot be reached.", overall=None, leaked=None)
WRONG = replace(ROW, id="wrong", overall=0.0, quality=0.0, leakage=0.0, error="in no format")
LEAKY = replace(ROW, id="leaky", overall=0.5, leaked=2, leakage=1.0)
POOR = replace(ROW, id="poor", overall=0.5, quality=0.0)


def test_no_score_is_worst_then_the_lowest_then_what_leaked_most() -> None:
    assert [row.id for row in worst_first([ROW, POOR, LEAKY, WRONG, LOST])] == [
        *("lost", "wrong", "leaky", "poor", ROW.id)
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
