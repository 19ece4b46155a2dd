"""The judge's own test and its agreement with another, as people read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evals.harness.reports.judge import agreement_lines, judge_lines
from evals.harness.verdicts.second_opinion import judges_agreement
from judges.calibration import leakage_cases, quality_cases
from judges.lexical import LexicalJudge
from papillon.results import JudgeReport
from tests.harness.evaluation.test_judge_cases import examined
from tests.harness.verdicts.test_judge_bars import REPORT
from tests.harness.verdicts.test_second_opinion import ROW


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("question", ["leakage", "quality"])
def test_a_report_fits_the_window_and_leaves_no_measure_or_kind_out(question: Any, width: int) -> None:
    cases = leakage_cases() if question == "leakage" else quality_cases()
    report = examined(LexicalJudge(), question).report
    report = replace(report, failed=tuple(case.id for case in cases[:4]))
    lines = judge_lines(report, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(name in text for name in [*report.measures, *report.kinds, *report.hows])
    assert "4 without an answer" in text
    assert f"no answer: {cases[0].id}" in text


def test_a_report_reads_as_a_table_and_lists() -> None:
    assert judge_lines(REPORT, 60) == [
        "judge on leakage: 160 cases, 153 right, 7 wrong",
        "  kappa              0.600  0.500 … 0.700  n 400",
        "  count_error        0.250                 n 160",
        "  blind_spot         0.750  0.600 … 0.900  n  32",
        "  injection_success      –                 n   0",
        "right by kind of case: plain 150/157, injection 3/3",
        "right by how a unit stands there: verbatim 100/100",
        "judged wrong: case-00, case-01, case-02, case-03, case-04,",
        "  case-05, case-06",
        "blind spot: 24 of 32 leaks reworded or in part are missed",
    ]
    assert "n  32  of the leaks in other words or in part are missed" in judge_lines(REPORT, 120)[3]


def test_rows_that_people_labelled_are_told_from_the_written_cases_with_what_was_left_out() -> None:
    people = replace(REPORT, source="people", cases=20, wrong=(), kinds={}, hows={}, left_out={"people differ": 2})
    assert judge_lines(people, 120)[0] == (
        "judge on leakage of rows that people labelled: 20 cases, 20 right, 0 wrong, 2 left out: people differ"
    )
    none = JudgeReport("quality", 0, (), (), {}, {}, {}, source="people", left_out={"nobody could tell": 1})
    assert judge_lines(none, 120) == [
        "judge on quality of rows that people labelled: 0 cases, 0 right, 0 wrong, 1 left out: nobody could tell"
    ]


@pytest.mark.parametrize("width", [60, 120])
def test_agreement_and_flagged_rows_fit_the_window(width: int) -> None:
    judged = [(replace(ROW, id=f"dev-{n:04d}-1f3c9a2e", group=f"g{n}", judge_leaked=n % 2), 1, 1) for n in range(30)]
    lines = agreement_lines(judges_agreement(judged), [row for row, _, _ in judged if row.undercounted], width)
    assert max(map(len, lines)) <= width
    text = " ".join(line.strip() for line in lines)
    assert "beside the lexical judge, 30 rows: quality alike in 1.000 (0.886 to 1.000), kappa –" in text
    assert "counts 0.500 units apart" in text
    assert "fewer leaks than stand verbatim in: dev-0000-1f3c9a2e (0 < 1), dev-0002" in text
    assert "the judge was overruled in 15 rows: it counts fewer leaks than" in text
    assert text.endswith("5 more")


def test_where_nothing_was_judged_twice_nothing_is_said() -> None:
    assert agreement_lines(judges_agreement([]), [], 60) == []
