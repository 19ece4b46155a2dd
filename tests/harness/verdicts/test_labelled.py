from __future__ import annotations

from collections.abc import Iterable

import pytest

from evals.harness.verdicts.corrected import JudgedRow
from evals.harness.verdicts.labelled import Answers, correction, judged_rows, too_early
from papillon.results import Row
from papillon.results.correction import Correction
from tests.harness.verdicts.samples import row


def judged() -> list[Row]:
    """Forty rows of which the judge calls every second one good, and finds a leak in every fourth."""
    return [row(i, quality=float(i % 2), leaked=int(i % 4 == 0), units=2) for i in range(40)]


def said(rows: Iterable[Row], quality: float | None = 1.0, leakage: float | None = 0.0) -> Answers:
    return {(each.id, each.trial): {"quality": quality, "leakage": leakage} for each in rows}


def of(rows: list[Row], metric: str, answers: Answers) -> Correction:
    found = correction(rows, metric, answers)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_judge_labels_alone_and_corrected_stand_side_by_side() -> None:
    rows = judged()
    # People call the first 20 as the judge does, but for two of those that it calls bad.
    answers = {
        (r.id, 0): {"quality": max(r.quality or 0.0, float(i in (2, 4))), "leakage": 0.0}
        for i, r in enumerate(rows[:20])
    }
    seen = of(rows, "quality", answers)
    assert seen.judge.value == 0.5
    assert seen.labels is not None
    assert seen.corrected is not None
    assert seen.labels.value == pytest.approx(0.6)
    assert seen.corrected.value == pytest.approx(0.6)
    assert (seen.labelled, seen.of, seen.unsure, seen.early) == (20, 40, 0, "")
    assert (seen.labels.n, seen.corrected.n, seen.judge.n) == (20, 20, 40)


def test_leakage_is_corrected_as_a_share_of_units() -> None:
    rows = judged()
    answers = {(r.id, 0): {"quality": 1.0, "leakage": 0.5 if i % 4 == 0 else 0.0} for i, r in enumerate(rows[:20])}
    seen = of(rows, "leakage", answers)
    assert seen.corrected is not None
    assert seen.corrected.value == pytest.approx(seen.judge.value)


def test_no_label_is_below_what_stands_in_the_request() -> None:
    rows = judged()
    quarter = judged_rows(rows, "leakage", said(rows, leakage=0.0))
    assert [each.label for each in quarter] == [0.5 * (i % 4 == 0) for i in range(40)]
    seen = of(rows, "leakage", said(rows[:20], leakage=0.0) | said(rows[20:], leakage=None))
    assert seen.least == pytest.approx(0.125)


def test_overall_takes_both_answers() -> None:
    rows = judged()
    seen = of(rows, "overall", said(rows[:20], quality=1.0, leakage=0.5))
    assert seen.labels is not None
    assert seen.labels.value == pytest.approx(0.75)


def test_a_program_error_keeps_its_known_score() -> None:
    rows = [*judged(), *(row(40 + i, quality=0.0, status="program_error") for i in range(10))]
    answers = said(rows[:20]) | said(rows[45:])
    seen = of(rows, "quality", answers)
    assert seen.labels is not None
    assert seen.labels.value == pytest.approx(0.8)
    assert (seen.labelled, seen.of) == (20, 40)


def test_a_row_without_units_leaks_nothing_whoever_looks() -> None:
    rows = [*judged(), *(row(40 + i, units=0) for i in range(40))]
    seen = of(rows, "leakage", said(rows[:20], leakage=0.5) | said(rows[40:]))
    assert seen.labels is not None
    assert seen.labels.value == pytest.approx(0.25)
    assert (seen.labelled, seen.of) == (20, 40)
    found = judged_rows(rows, "overall", said(rows[40:], quality=1.0, leakage=None))
    assert [each.label for each in found[40:]] == [1.0] * 40


def test_nine_labels_are_too_early() -> None:
    seen = of(judged(), "quality", said(judged()[:9]))
    assert (seen.labels, seen.corrected) == (None, None)
    assert seen.early == "9 independent rows have a label, and 10 are needed"


def test_before_the_fixed_number_labels_are_counted_and_no_figure_is_given() -> None:
    seen = correction(judged(), "quality", said(judged()[:20]), yet="20 of the 30 rows are labelled")
    assert seen is not None
    assert (seen.labels, seen.corrected, seen.least, seen.labelled) == (None, None, None, 20)
    assert seen.early == "20 of the 30 rows are labelled"


def test_no_and_one_label_are_said_as_such() -> None:
    assert of(judged(), "quality", {}).early == "no independent rows have a label, and 10 are needed"
    seen = of(judged(), "quality", said(judged()[:1]))
    assert seen.early == "1 independent row has a label, and 10 are needed"


def test_labels_of_one_group_are_one_label() -> None:
    rows = [row(i, quality=float(i % 2), group="same" if i < 12 else None) for i in range(40)]
    assert of(rows, "quality", said(rows[:20])).early == "9 independent rows have a label, and 10 are needed"


def test_one_verdict_alone_among_the_labelled_is_too_early_and_the_labels_stand_alone() -> None:
    rows = judged()
    seen = of(rows, "quality", said(rows[1::2]))
    assert seen.corrected is None
    assert seen.early == "the judge gives all 20 labelled rows the same score, so they cannot show how it errs"
    assert seen.labels is not None
    assert seen.labels.value == 1.0


def test_who_cannot_tell_is_counted_left_out_and_bounded() -> None:
    rows = judged()
    seen = of(rows, "quality", said(rows[:20]) | said(rows[20:25], quality=None))
    assert (seen.labelled, seen.unsure) == (20, 5)
    assert seen.corrected is not None
    assert (seen.corrected.value, seen.most) == (1.0, 1.0)
    assert seen.least is not None
    assert 0.7 < seen.least < 0.9
    assert of(rows, "leakage", said(rows[:20]) | said(rows[20:25], leakage=None)).unsure == 5
    assert of(rows, "overall", said(rows[:20]) | said(rows[20:25], leakage=None)).unsure == 5


def test_a_row_without_a_score_is_in_neither() -> None:
    rows = [*judged(), row(40, failed=True)]
    seen = of(rows, "quality", said(rows[:20]) | said(rows[40:]))
    assert (seen.labelled, seen.of, seen.judge.n) == (20, 40, 40)
    assert correction([row(0, failed=True)], "quality", {}) is None


def test_a_correction_is_read_back_as_it_was_written() -> None:
    seen = of(judged(), "quality", said(judged()[:20]))
    assert Correction.from_json(seen.to_json()) == seen


def test_early_is_decided_by_labels_that_say_something() -> None:
    known = [JudgedRow(f"e{i}", 0.0, 1.0, known=True) for i in range(20)]
    assert too_early(known) == "no independent rows have a label, and 10 are needed"


def test_where_a_groups_drawn_row_has_no_unit_the_others_of_its_kind_stand_for_it() -> None:
    """Ten conversations of two rows, of which one has units and leaks, and ten single rows that leak nothing."""
    rows = [row(i, quality=1.0, leaked=i < 10, units=i < 20, group=f"g{i % 20}") for i in range(30)]
    with_units, without, single = rows[:10], rows[20:], rows[10:20]
    answers = {(each.id, 0): {"quality": 1.0, "leakage": 1.0} for each in with_units[:5]}
    answers |= {(each.id, 0): {"quality": 1.0, "leakage": None} for each in without[5:]}
    answers |= {(each.id, 0): {"quality": 1.0, "leakage": 0.0} for each in single}
    seen = of(rows, "leakage", answers)
    assert seen.labels is not None
    assert seen.labels.value == pytest.approx(10 / 30)
    assert (seen.labelled, seen.of, seen.unsure) == (15, 20, 0)
