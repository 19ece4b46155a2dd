"""A row's scores by metric."""

from __future__ import annotations

from dataclasses import replace

import pytest

from papillon.reading import read
from papillon.results.rows import METRICS, SPARSE, Row

ROW = Row(
    id="dev-0000-00000000",
    split="dev",
    trial=0,
    group="g",
    status="scored",
    error=None,
    quality=1.0,
    verdict="tie",
    leaked=0,
    judge_leaked=2,
    units=4,
    leakage=0.0,
    verbatim_leaked=1,
    overall=1.0,
    tutorial_overall=1.0,
    carried=0.75,
    category="Law",
    query_chars=120,
    script="Han",
    seconds=0.1,
)


def test_a_row_survives_its_json() -> None:
    assert Row.from_json(ROW.to_json()) == read(Row, ROW.to_json()) == ROW


def test_a_rows_fields_stand_in_the_contracts_order() -> None:
    fields = [*ROW.to_json()]
    assert fields[-6:] == ["tutorial_overall", "carried", "category", "query_chars", "script", "seconds"]


def test_a_row_of_an_older_file_has_nothing_for_what_was_not_known_then() -> None:
    new = ("carried", "category", "query_chars", "script")
    older = {name: value for name, value in ROW.to_json().items() if name not in new}
    assert [getattr(read(Row, older), name) for name in new] == [None] * 4
    assert read(Row, older).score("overall") == 1.0


def test_every_metric_of_a_scored_row_is_in_0_to_1() -> None:
    assert {metric: ROW.score(metric) for metric in METRICS} == {
        "quality": 1.0,
        "leakage": 0.0,
        "overall": 1.0,
        "joint": 1.0,
        "carried": 0.75,
        "verbatim_leakage": 0.25,
        "errors": 0.0,
    }


def test_the_judges_own_count_is_a_share_of_the_units_too() -> None:
    assert ROW.score("judge_leakage") == 0.5
    assert replace(ROW, units=0).score("judge_leakage") == 0.0
    assert replace(ROW, status="infrastructure_error").score("judge_leakage") is None


def test_joint_asks_for_quality_without_any_leak() -> None:
    assert replace(ROW, leaked=1).score("joint") == 0.0
    assert replace(ROW, quality=0.0).score("joint") == 0.0


def test_a_program_error_counts_as_an_error_and_an_infrastructure_error_as_nothing() -> None:
    assert replace(ROW, status="program_error").score("errors") == 1.0
    assert all(replace(ROW, status="infrastructure_error").score(metric) is None for metric in METRICS)


def test_without_units_nothing_leaks() -> None:
    assert replace(ROW, units=0, verbatim_leaked=0).score("verbatim_leakage") == 0.0


def test_a_scored_row_lacks_nothing_but_what_its_data_do_not_say() -> None:
    bare = replace(ROW, carried=None, quality=None, verdict=None, overall=None, tutorial_overall=None)
    assert {metric for metric in METRICS if bare.score(metric) is None} == set(SPARSE)


def test_an_unknown_metric_is_no_metric() -> None:
    with pytest.raises(KeyError):
        ROW.score("charm")


def test_a_row_is_flagged_where_the_judge_counts_fewer_leaks_than_stand_there() -> None:
    plain = replace(ROW, id="e0", leaked=1, judge_leaked=1, units=2, verbatim_leaked=1)
    lost = replace(plain, status="infrastructure_error", leaked=None, judge_leaked=None, verbatim_leaked=None)
    error = replace(plain, id="e3", status="program_error", leaked=2, judge_leaked=0, verbatim_leaked=2)
    rows = [plain, replace(plain, id="e1", judge_leaked=0), replace(plain, id="e2", judge_leaked=2), lost, error]
    assert [row.id for row in rows if row.undercounted] == ["e1", "e3"]
