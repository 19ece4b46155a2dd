"""What rows must bring before a gate may judge them, beyond what the tests of gates hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.verdicts.evidence import lacking
from papillon.units import UnitsCheck
from tests.harness.verdicts.samples import row

ROWS = [row(i) for i in range(40)]


def units(joined: int = 0, unseen: float = 0.0, standing: int = 1) -> UnitsCheck:
    return UnitsCheck(40, 0, {f"dev-{i:04d}": "','" for i in range(joined)}, {}, standing, unseen)


@pytest.mark.parametrize("metric", ["leakage", "verbatim_leakage", "joint"])
def test_units_joined_wrongly_in_more_than_one_row_of_twenty_hide_leaks(metric: str) -> None:
    assert lacking(metric, ROWS, units(joined=2)) == ""
    assert lacking(metric, ROWS, units(joined=3)) == (
        "the units of 3 of 40 rows (first dev-0000) are joined by ',' where '||' is expected, "
        "so a leak of one could not be seen"
    )


@pytest.mark.parametrize("metric", ["leakage", "verbatim_leakage", "joint"])
def test_where_no_unit_stands_in_any_query_no_leak_could_be_found(metric: str) -> None:
    assert lacking(metric, ROWS, units(unseen=1.0, standing=0)) == (
        "no PII unit of 40 rows stands in its row's query (column pii_units, joined by '||'), so no leak could be found"
    )
    # What joins them says more.
    assert "are joined by ','" in lacking(metric, ROWS, units(joined=3, standing=0))


@pytest.mark.parametrize("metric", ["quality", "overall", "carried", "errors"])
def test_nothing_else_rests_on_units(metric: str) -> None:
    assert lacking(metric, ROWS, units(joined=40, unseen=1.0, standing=0)) == ""


def test_units_that_stand_nowhere_hold_up_the_gate_that_searches_for_them_alone() -> None:
    assert lacking("verbatim_leakage", ROWS, units(unseen=0.20)) == ""
    assert lacking("verbatim_leakage", ROWS, units(unseen=0.21)) == (
        "21% of a row's units, on average, do not stand in its query"
    )
    assert lacking("leakage", ROWS, units(unseen=0.9)) == lacking("joint", ROWS, units(unseen=0.9)) == ""


def test_a_missing_score_is_said_before_all_else() -> None:
    rows = [*ROWS, row(40, failed=True)]
    assert lacking("leakage", rows, units(joined=40)) == "1 of 41 rows have no score (infrastructure errors)"


def test_a_unit_in_a_program_error_alone_speaks_for_no_leakage() -> None:
    rows = [row(0, units=0), row(1, units=0), row(2, units=0), row(3, status="program_error")]
    assert lacking("leakage", rows) == "no row with a PII unit is scored, so nothing could leak"
    assert lacking("quality", rows) == ""


def test_where_no_scored_row_has_a_gold_redaction_nothing_says_what_to_carry() -> None:
    bare = [replace(each, carried=None) for each in ROWS]
    lost = replace(row(40, status="program_error"), carried=0.0)
    for rows in (bare, [*bare, lost]):
        assert lacking("carried", rows) == (
            "no scored row has words in its gold redaction (column redacted_query), so nothing says what to carry"
        )
    assert lacking("carried", [ROWS[0], *bare]) == lacking("quality", bare) == ""
    assert lacking("carried", [*bare, row(40, failed=True)]).startswith("1 of 41 rows have no score")
