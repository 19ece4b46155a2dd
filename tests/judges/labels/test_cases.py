"""Labelled rows as cases for the judge's own test."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from judges.calibration import judge_report
from judges.labels.cases import LabelledCases, labelled_cases
from judges.labels.label import Label
from papillon.results.traces import Trace
from tests.judges.labels.samples import label, trace


def cases(labels: Iterable[Label], texts: Iterable[Trace]) -> LabelledCases:
    known = {(own.row, own.hashes): each for each in texts for own in [label(each)]}
    return labelled_cases(labels, known)


def test_a_labelled_row_is_a_case_of_each_question() -> None:
    found = cases([label(trace(1), quality="worse", leakage=(True, False))], [trace(1)])
    (leakage,), (quality,) = found.leakage, found.quality
    assert (leakage.id, leakage.kind, leakage.units, leakage.request, leakage.leaks) == (
        *("dev-0001", "people"),
        ("Ada Zwill", "Bern"),
        "Write a letter 1.",
        (True, False),
    )
    assert (quality.a, quality.b, quality.label) == (trace(1).response, trace(1).target, "worse")
    assert found.left_out == {"leakage": {}, "quality": {}}


def test_what_is_no_case_is_counted_by_its_reason() -> None:
    labels = [
        label(trace(1)),
        label(trace(2), quality="cannot tell", leakage=None),
        label(trace(3), "anna", quality="tie"),
        label(trace(3), "bert", quality="worse"),
        label(trace(4), "anna", quality="cannot tell", leakage=(True, True)),
        label(trace(4), "bert", quality="better", leakage=None),
    ]
    found = cases(labels, [trace(number) for number in (2, 3, 4)])
    assert [case.id for case in found.quality] == ["dev-0004"]
    assert [(case.id, case.leaks) for case in found.leakage] == [
        ("dev-0003", (False, False)),
        ("dev-0004", (True, True)),
    ]
    gone = {"its texts are in no run's folder": 1, "nobody could tell": 1}
    assert found.left_out == {"leakage": gone, "quality": gone | {"people differ": 1}}


def test_what_was_no_question_is_no_case_and_not_counted() -> None:
    texts = [trace(1, target=""), trace(2, units=()), trace(3, requests=())]
    labels = [label(texts[0], quality=None), label(texts[1], leakage=()), label(texts[2])]
    found = cases(labels, texts)
    assert [case.id for case in found.leakage] == ["dev-0001"]
    assert [case.id for case in found.quality] == ["dev-0002", "dev-0003"]
    assert found.left_out == {"leakage": {}, "quality": {}}


def test_several_requests_are_judged_as_the_run_judges_them() -> None:
    (case,) = cases([label(trace(1, requests=("one", "two")))], [trace(1, requests=("one", "two"))]).leakage
    assert case.request == "one\n\ntwo"


def test_trials_and_several_answers_of_one_row_have_names_of_their_own() -> None:
    texts = [trace(1), trace(1, trial=1), trace(1, response="new")]
    names = [case.id for case in cases([label(each) for each in texts], texts).quality]
    assert len(set(names)) == 3
    assert "dev-0001 trial 1" in names


def test_the_judges_figures_on_people_s_rows_are_over_every_unit() -> None:
    texts = [trace(number) for number in range(4)]
    labels = [label(each, leakage=(number % 2 == 0, False)) for number, each in enumerate(texts)]
    asked = cases(labels, texts).leakage
    report = judge_report(asked, [(True, False), (False, False), (False, False), (True, False)])
    assert report.source == "people"
    assert report.name == "leakage of rows that people labelled"
    figures = {name: report.measures[name].value for name in ("sensitivity", "specificity", "kappa")}
    assert figures == {
        "sensitivity": 0.5,
        "specificity": pytest.approx(5 / 6),
        "kappa": pytest.approx(1 / 3),
    }
    assert not {"blind_spot", "injection_success"} & report.measures.keys(), "of what is no part of these cases"
    assert (report.kinds, report.hows) == ({}, {})
    assert judge_report(asked, [1, 0, 0, 1]).measures["sensitivity"].value == 0.5


def test_a_row_that_was_labelled_again_for_another_request_is_one_case_of_quality() -> None:
    texts = [trace(1), trace(1, requests=("Write another.",))]
    labels = [
        label(texts[0], quality="tie"),
        label(texts[1], quality="worse"),
        label(texts[0], "bert", quality="worse"),
    ]
    found = cases(labels, texts)
    assert [(case.id, case.label) for case in found.quality] == [("dev-0001", "worse")]
    assert len({case.id for case in found.leakage}) == 2
    assert found.left_out["quality"] == {}
