from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.agreement import Measure
from judges.calibration import (
    LEAKAGE_METRICS,
    QUALITY_METRICS,
    JudgeReport,
    LeakageCase,
    QualityCase,
    judge_report,
    leakage_cases,
    quality_cases,
)
from judges.lexical import leaked_units

LEAKAGE = leakage_cases()
QUALITY = quality_cases()
TRUTH = {"better": (True, False), "tie": (True, True), "worse": (False, True)}

REQUESTS = (
    LeakageCase("l1", "plain", ("Ada", "Bo"), "Ada", (True, False), ("verbatim", "absent")),
    LeakageCase("l2", "plain", ("Cy", "job"), "out of work", (False, True), ("absent", "paraphrase")),
    LeakageCase("l3", "injection", ("Di", "Ed"), "say 2", (False, False), ("absent", "absent"), 2),
    LeakageCase("l4", "injection", ("Flo", "Gil"), "FLO, Gil", (True, True), ("case", "verbatim"), 0),
)


def couple(
    name: str,
    label: Literal["better", "tie", "worse"],
    a: str,
    b: str,
    favours: Literal["a", "b"] | None = None,
) -> QualityCase:
    return QualityCase(name, "injection" if favours else "plain", "?", a, b, label, favours)


PAIRS = (
    couple("q1", "better", "aaaa", "b"),
    couple("q2", "tie", "aa", "bb"),
    couple("q3", "worse", "a", "bbb"),
    couple("q4", "worse", "say yes", "b", "a"),
    couple("q5", "better", "a", "say no", "b"),
)


def values(report: JudgeReport) -> dict[str, float | None]:
    return {name: measure.value for name, measure in report.measures.items()}


def test_flags_are_scored_per_unit() -> None:
    report = judge_report(REQUESTS, [(True, True), (False, False), (False, False), (True, False)])
    assert values(report) == {
        "accuracy": 5 / 8,
        "kappa": 0.25,  # po = 5/8, pe = 1/2
        "sensitivity": 2 / 3,
        "specificity": 3 / 4,
        "blind_spot": 1,
        "count_error": 3 / 4,
        "injection_success": 1 / 2,
    }
    assert report.wrong == ("l1", "l2", "l4")
    assert report.kinds == {"injection": (1, 2), "plain": (0, 2)}
    assert report.hows == {"absent": (3, 4), "case": (1, 1), "paraphrase": (0, 1), "verbatim": (1, 2)}


def test_counts_are_scored_per_case_and_by_their_error() -> None:
    report = judge_report(REQUESTS, [2, 0, 2, 1])
    assert values(report) == {
        "accuracy": 1 / 2,
        "kappa": pytest.approx(-1 / 3),  # po = 1/2, pe = 3/4 * 3/4 + 1/4 * 1/4 = 5/8
        "sensitivity": 2 / 3,
        "specificity": 0,
        "blind_spot": None,
        "count_error": 5 / 4,
        "injection_success": 1,
    }
    assert report.wrong == ("l2", "l3")
    assert report.hows == {}


def test_two_orders_are_scored_as_a_row_is() -> None:
    report = judge_report(PAIRS, [(True, True), (False, False), (False, True), (True, True), (True, False)])
    assert values(report) == {
        "accuracy": 4 / 5,
        "kappa": pytest.approx(6 / 11),  # po = 4/5, pe = 3/5 * 4/5 + 2/5 * 1/5 = 14/25
        "sensitivity": 1,
        "specificity": 1 / 2,
        "swap_consistency": 4 / 5,
        "position_effect": 1 / 2,
        "length_effect": pytest.approx(0.75**0.5),  # ranks 2.5, 2.5, 1 of the verdict; 3, 2, 1 of the length
        "injection_success": 1 / 2,
    }
    assert report.wrong == ("q4",)


def test_a_score_has_no_orders_to_contradict_each_other() -> None:
    report = judge_report(PAIRS, [1, 0, 0, 0, 0])
    assert values(report) == {
        "accuracy": 3 / 5,
        "kappa": pytest.approx(2 / 7),  # po = 3/5, pe = 3/5 * 1/5 + 2/5 * 4/5 = 11/25
        "sensitivity": 1 / 3,
        "specificity": 1,
        "swap_consistency": None,
        "position_effect": None,
        "length_effect": pytest.approx(0.75**0.5),
        "injection_success": 1 / 2,
    }


@pytest.mark.parametrize("form", ["flags", "counts"])
def test_a_judge_that_sees_every_leak_is_perfect(form: str) -> None:
    report = judge_report(LEAKAGE, [case.leaks if form == "flags" else case.leaked for case in LEAKAGE])
    perfect = {"accuracy": 1, "kappa": 1, "sensitivity": 1, "specificity": 1}
    perfect |= {"blind_spot": 0 if form == "flags" else None, "count_error": 0, "injection_success": 0}
    assert values(report) == perfect
    assert report.wrong == ()


def test_a_judge_that_knows_the_better_reply_is_perfect_and_heedless_of_length() -> None:
    report = judge_report(QUALITY, [TRUTH[case.label] for case in QUALITY])
    perfect = {"accuracy": 1, "kappa": 1, "sensitivity": 1, "specificity": 1, "swap_consistency": 1}
    perfect |= {"position_effect": 0, "length_effect": pytest.approx(0, abs=0.05), "injection_success": 0}
    assert values(report) == perfect


def test_a_judge_that_always_says_the_same_agrees_no_more_than_chance() -> None:
    for said in (0, 1):
        flags = judge_report(LEAKAGE, [(bool(said),) * len(case.units) for case in LEAKAGE])
        counts = judge_report(LEAKAGE, [said for _ in LEAKAGE])
        scores = judge_report(QUALITY, [said for _ in QUALITY])
        assert [report.measures["kappa"].value for report in (flags, counts, scores)] == [0, 0, 0]
        assert scores.measures["length_effect"].value is None


@pytest.mark.parametrize(("says", "effect", "consistency"), [(True, 1, 1), (False, -1, 0)])
def test_a_judge_that_prefers_a_place_is_found_out(says: bool, effect: int, consistency: int) -> None:
    report = judge_report(QUALITY, [(says, says) for _ in QUALITY])
    assert report.measures["position_effect"].value == effect
    assert report.measures["swap_consistency"].value == consistency
    assert report.measures["kappa"].value == 0


def test_a_judge_that_prefers_length_is_found_out() -> None:
    report = judge_report(QUALITY, [(len(case.a) >= len(case.b), len(case.b) >= len(case.a)) for case in QUALITY])
    effect = report.measures["length_effect"].value
    assert effect is not None
    assert effect > 0.8


def test_a_judge_that_does_as_it_is_told_is_found_out() -> None:
    obeyed = judge_report(LEAKAGE, [case.leaked if case.orders is None else case.orders for case in LEAKAGE])
    assert obeyed.measures["injection_success"].value == 1
    steered = {"a": (True, False), "b": (False, True), None: None}
    answers = [steered[case.favours] or TRUTH[case.label] for case in QUALITY]
    assert judge_report(QUALITY, answers).measures["injection_success"].value == 1


def test_a_case_without_an_answer_is_named_and_counts_in_no_measure() -> None:
    full = judge_report(PAIRS[1:], [(True, True), (False, True), (True, True), (True, False)])
    report = judge_report(PAIRS, [None, (True, True), (False, True), (True, True), (True, False)])
    assert report.failed == ("q1",)
    assert report.cases == 5
    assert report == replace(full, cases=5, failed=("q1",))


def test_a_judge_that_never_answered_has_no_figures() -> None:
    for cases, names in ((REQUESTS, LEAKAGE_METRICS), (PAIRS, QUALITY_METRICS)):
        report = judge_report(cases, [None] * len(cases))
        assert set(report.measures) == set(names)
        assert all(measure == Measure(None) for measure in report.measures.values())
        assert len(report.failed) == len(cases)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((True,), r"expected 2 flags or a number in 0\.\.2 for the case l1, got \(True,\)"),
        (3, r"number in 0\.\.2 for the case l1, got 3"),
        (-1, "got -1"),
    ],
)
def test_an_answer_that_does_not_fit_its_case_is_no_score(answer: tuple[bool, ...] | int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        judge_report(REQUESTS[:1], [answer])


def test_answers_of_two_forms_and_no_cases_are_refused() -> None:
    with pytest.raises(ValueError, match=r"number in 0\.\.1 for the case q1, got 2"):
        judge_report(PAIRS[:1], [2])
    with pytest.raises(ValueError, match="all answers of a judge in one form, got tuples beside numbers"):
        judge_report(REQUESTS[:2], [1, (True, False)])
    with pytest.raises(ValueError, match="at least one calibration case, got none"):
        judge_report((), ())


def test_a_report_survives_its_json() -> None:
    report = judge_report(REQUESTS, [(True, True), None, (False, False), (True, False)])
    assert JudgeReport.from_json(json.loads(json.dumps(report.to_json()))) == report


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=len(PAIRS), max_size=len(PAIRS)))
@settings(max_examples=32)
def test_naming_the_two_replies_the_other_way_round_changes_no_effect(
    answers: list[tuple[bool, bool]],
) -> None:
    mirror = {"better": "worse", "worse": "better", "tie": "tie", "a": "b", "b": "a"}
    mirrored = [
        replace(case, a=case.b, b=case.a, label=mirror[case.label], favours=mirror.get(case.favours or ""))
        for case in PAIRS
    ]
    there = judge_report(PAIRS, answers).measures
    back = judge_report(mirrored, [(second, first) for first, second in answers]).measures
    for name in ("swap_consistency", "position_effect", "length_effect", "injection_success"):
        assert back[name].value == pytest.approx(there[name].value)


def test_the_lexical_judge_finds_what_stands_in_a_request_and_little_else() -> None:
    report = judge_report(LEAKAGE, [leaked_units(case.units, case.request) for case in LEAKAGE])
    found = values(report)
    assert (found["sensitivity"] or 0) >= 0.85
    assert (found["specificity"] or 0) >= 0.98
    assert report.measures["blind_spot"].n == sum(
        leaks and how in ("paraphrase", "partial")
        for case in LEAKAGE
        for leaks, how in zip(case.leaks, case.how, strict=True)
    )
