from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.verdicts.corrected import JudgedRow, estimate
from evals.harness.verdicts.corrected_gates import judge_corrected, labels_needed
from evals.harness.verdicts.gates import Threshold
from evals.harness.verdicts.labelled import Answers
from evals.harness.verdicts.splits import GateItem, judge_gates
from papillon.results import GateResult, Row
from papillon.units import UnitsCheck
from tests.harness.verdicts.samples import row


def lenient(count: int = 200) -> list[Row]:
    """Rows of which the judge calls four in five good."""
    return [row(i, quality=float(i % 5 > 0), units=2) for i in range(count)]


def as_judged(rows: list[Row], *, but: int = 0) -> Answers:
    """People agree with the judge, but for the first ``but`` rows that it calls good."""
    good = [each for each in rows if each.quality][:but]
    return {(r.id, 0): {"quality": 0.0 if r in good else r.quality, "leakage": 0.0} for r in rows}


def gate(rows: list[Row], answers: Answers | None, **bounds: float) -> GateResult:
    [result] = judge_corrected(Threshold("dev", "quality", corrected=True, **bounds), rows, answers)  # type: ignore[arg-type]
    return result


def test_a_gate_passes_where_the_whole_corrected_interval_clears_it() -> None:
    result = gate(lenient(), as_judged(lenient()[:80]), min=0.7)
    assert (result.verdict, result.corrected, result.n, result.groups) == ("pass", True, 80, 80)
    assert result.value == pytest.approx(0.8)
    assert "quality corrected by 80 labels is 0.800" in result.note
    assert "at least 0.7 is asked of the whole interval" in result.note


def test_a_gate_fails_on_what_people_say_though_the_judge_would_pass_it() -> None:
    result = gate(lenient(), as_judged(lenient()[:80], but=40), min=0.7)
    assert result.verdict == "fail"
    assert result.high is not None
    assert result.high < 0.7


def test_a_gate_in_between_says_how_many_labels_would_decide_it() -> None:
    result = gate(lenient(1000), as_judged(lenient(1000)[:30], but=3), min=0.6)
    assert result.verdict == "inconclusive"
    assert "labels would decide it," in result.note
    assert "more than there are" in result.note


def test_a_gate_that_no_labels_would_decide_says_that_it_takes_more_examples() -> None:
    result = gate(lenient(60), as_judged(lenient(60)[:50]), min=0.79)
    assert result.verdict == "inconclusive"
    assert "labels of all 60 independent rows would hardly decide it: it takes more examples" in result.note


def test_a_gate_without_enough_labels_is_inconclusive_and_has_no_figure() -> None:
    result = gate(lenient(), as_judged(lenient()[:9]), min=0.1)
    assert (result.verdict, result.value, result.low, result.high, result.n) == ("inconclusive", None, None, None, 0)
    assert result.note == (
        "quality cannot be corrected yet: 9 independent rows have a label, and 10 are needed; "
        "label more rows with papillon label"
    )


def test_a_gate_is_inconclusive_before_the_number_that_was_fixed_is_reached() -> None:
    asked = Threshold("dev", "quality", min=0.1, corrected=True)
    [result] = judge_corrected(
        asked, lenient(), as_judged(lenient()[:80]), yet="80 of the 90 are labelled, 10 are missing"
    )
    assert (result.verdict, result.value) == ("inconclusive", None)
    assert result.note == (
        "quality cannot be corrected yet: 80 of the 90 are labelled, 10 are missing; "
        "label more rows with papillon label"
    )


def test_where_every_row_is_labelled_no_more_labels_are_asked_for() -> None:
    rows = [row(i, units=2) for i in range(20)]
    result = gate(rows, as_judged(rows), min=0.1)
    assert result.verdict == "inconclusive"
    assert result.note == (
        "quality cannot be corrected yet: the judge gives all 20 labelled rows the same score, so they cannot show how "
        "it errs; all 20 independent rows have a label: it takes more examples, or a gate on the judge's own figure"
    )


def test_a_gate_without_a_label_file_says_how_to_make_one() -> None:
    result = gate(lenient(), None, min=0.1)
    assert result.verdict == "inconclusive"
    assert result.note == (
        "quality is to be corrected by people's labels, and none were named; "
        "make them with papillon label, and name them with --eval-labels FILE.jsonl"
    )


def test_rows_without_a_score_keep_a_gate_from_a_verdict() -> None:
    rows = [*lenient(), row(200, failed=True)]
    result = gate(rows, as_judged(lenient()[:80]), min=0.7)
    assert result.verdict == "inconclusive"
    assert result.note.startswith("1 of 201 rows have no score")


def test_both_bounds_of_a_gate_are_judged() -> None:
    asked = Threshold("dev", "quality", min=0.5, max=0.6, corrected=True)
    results = judge_corrected(asked, lenient(), as_judged(lenient()[:80]))
    assert [(r.min, r.max, r.verdict) for r in results] == [(0.5, None, "pass"), (None, 0.6, "fail")]


def test_a_split_judges_its_corrected_gates_by_the_labels_and_the_others_by_the_judge() -> None:
    rows = lenient()
    gates = [
        GateItem("dev-quality", "dev", "quality", Threshold("dev", "quality", min=0.7, corrected=True)),
        GateItem("dev-joint", "dev", "joint", Threshold("dev", "joint", min=0.7)),
    ]
    answers = as_judged(rows[:80], but=40)
    units = UnitsCheck(rows=200, without=0, standing=200, unseen=0.0, joined={}, absent={})
    judged = judge_gates(gates, rows, [], of=200, units=units, baselines={}, answers=answers)
    assert [(r.verdict, r.corrected) for [r] in judged.values()] == [("fail", True), ("pass", False)]
    sharded = judge_gates(gates, rows, [], of=200, units=units, baselines={}, answers=answers, sharded=True)
    assert {r.verdict for [r] in sharded.values()} == {"deferred"}


def test_a_corrected_result_is_read_back_as_it_was_written() -> None:
    result = gate(lenient(), as_judged(lenient()[:80]), min=0.7)
    assert GateResult.from_json(result.entry()) == result
    assert result.entry()["corrected"] is True
    assert "corrected" not in replace(result, corrected=False).entry()


def test_more_labels_are_needed_the_closer_the_bound_lies_and_none_would_do_on_it() -> None:
    rows = [JudgedRow(str(i), float(i % 5 > 0), float(i % 5 > 0 and i > 2) if i < 60 else None) for i in range(5000)]
    seen = estimate(rows)
    near, far = labels_needed(rows, seen, seen.value - 0.02), labels_needed(rows, seen, seen.value - 0.06)
    assert near is not None
    assert far is not None
    assert near > 3 * far
    assert labels_needed(rows, seen, seen.value) is None


def clean(labelled: int) -> list[JudgedRow]:
    """Nineteen rows of few units; the judge sees a leak in some, people in none of those that are labelled."""
    judge = [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.0]
    return [JudgedRow(str(i), score, 0.0 if i < labelled else None) for i, score in enumerate(judge)]


def test_what_all_labels_would_give_is_not_denied_before_they_are_there() -> None:
    whole = estimate(clean(19))
    assert whole.high < 0.2
    asked = Threshold("dev", "leakage", max=0.2, corrected=True)
    rows = [replace(row(i, units=2), leakage=each.judge) for i, each in enumerate(clean(12))]
    said = {(each.id, 0): {"quality": 1.0, "leakage": 0.0} for each in rows[:12]}
    [result] = judge_corrected(asked, rows, said)
    assert result.verdict == "inconclusive"
    assert "labels of all 19 independent rows may just decide it, if they go on as these" in result.note
    [result] = judge_corrected(replace(asked, max=0.1), rows, said)
    assert "labels of all 19 independent rows would hardly decide it" in result.note


def test_where_all_labels_are_there_it_takes_more_examples() -> None:
    result = gate(lenient(60), as_judged(lenient(60)), min=0.79)
    assert "all 60 independent rows have a label: it takes more examples" in result.note
