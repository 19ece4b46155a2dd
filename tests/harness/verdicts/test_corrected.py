from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.verdicts.corrected import JudgedRow, estimate


def rows(labels: list[float], judge: list[float], others: list[float]) -> list[JudgedRow]:
    """Rows of groups of their own: those with a label, then those without."""
    labelled = [JudgedRow(f"l{i}", f, y) for i, (y, f) in enumerate(zip(labels, judge, strict=True))]
    return [*labelled, *(JudgedRow(f"u{i}", f) for i, f in enumerate(others))]


def verdicts() -> list[JudgedRow]:
    """120 labels of a judge who says yes or no, and 2,000 rows without one."""
    judge = [1.0] * 78 + [0.0] * 42
    labels = [1.0] * 68 + [0.0] * 10 + [1.0] * 12 + [0.0] * 30
    return rows(labels, judge, [1.0] * 1200 + [0.0] * 800)


def shares() -> list[JudgedRow]:
    """110 labels beside a graded judge, and 1,300 rows without one."""
    judge = [(7 * i % 11) / 10 for i in range(110)]
    labels = [round(min(1, max(0, 0.1 + 0.7 * f + 0.2 * ((i * i) % 5 - 2) / 2)), 6) for i, f in enumerate(judge)]
    return rows(labels, judge, [((3 * i) % 13) / 14 for i in range(1300)])


# By ppi-python 0.2.3, in an environment of its own, with Y and Yhat of the labelled rows, Yhat_unlabeled of the others
# and lam = cov(Y, Yhat) / var(Yhat) · N / (N + n), which is the factor over all rows in terms of the others alone:
#   ppi_mean_pointestimate(Y, Yhat, Yhat_unlabeled, lam=lam); ppi_mean_ci(..., alpha=0.05, lam=lam)
PPI = {
    "verdicts": (verdicts, 0.6390213560024881, (0.5700199819386469, 0.7080227300663293)),
    "shares": (shares, 0.4070067237726812, (0.37466047285508386, 0.43935297469027856)),
}


@pytest.mark.parametrize("name", PPI)
def test_the_estimate_is_that_of_ppi_python(name: str) -> None:
    sample, value, _ = PPI[name]
    assert estimate(sample()).value == pytest.approx(value, abs=1e-12)


def test_with_many_verdicts_the_error_is_that_of_ppi_python() -> None:
    _, _, (low, high) = PPI["verdicts"]
    # Theirs takes a variance for the labelled rows and another for the rest; the same share of both judged yes.
    seen = estimate(verdicts())
    half = 1.959964 * math.sqrt(math.fsum(pull**2 for pull in seen.pulls.values()) + seen.added)
    assert half == pytest.approx((high - low) / 2, rel=0.05)
    assert (seen.low, seen.high) == pytest.approx((low, high), abs=0.01)


def test_where_the_labelled_rows_are_judged_as_the_others_the_error_is_that_of_ppi_python() -> None:
    # ppi_mean_ci as above with 1,300 and 700 others: (0.5977184983903869, 0.7356148349429465).
    others = [1.0] * 1300 + [0.0] * 700
    labelled = [row for row in verdicts() if row.label is not None]
    seen = estimate([*labelled, *(JudgedRow(f"o{i}", f) for i, f in enumerate(others))])
    half = 1.959964 * math.sqrt(math.fsum(pull**2 for pull in seen.pulls.values()) + seen.added)
    assert half == pytest.approx((0.7356148349429465 - 0.5977184983903869) / 2, rel=0.006)


def test_without_the_judge_it_is_the_mean_of_the_labels_and_wilsons_interval_with_students_t() -> None:
    # 40 labels, 30 of them 1: Wilson at t = 2.023 (39 degrees of freedom) gives 0.592 .. 0.861 by hand.
    seen = estimate(rows([1.0] * 30 + [0.0] * 10, [0.0] * 40, [0.0] * 100), judged=False)
    assert (seen.value, seen.low, seen.high) == pytest.approx((0.75, 0.592, 0.861), abs=0.003)
    assert (seen.labelled, seen.factor) == (40, 0)


def test_for_a_judge_of_yes_and_no_it_is_post_stratification_by_the_verdict() -> None:
    seen = estimate(verdicts())
    yes = (78 + 1200) / 2120
    assert seen.value == pytest.approx(yes * 68 / 78 + (1 - yes) * 12 / 42)
    assert seen.factor == pytest.approx(68 / 78 - 12 / 42)


def test_a_judge_who_says_nothing_moves_nothing() -> None:
    labels = [1.0, 0.0] * 20
    seen = estimate(rows(labels, [1.0, 1.0, 0.0, 0.0] * 10, [1.0] * 60 + [0.0] * 60))
    alone = estimate(rows(labels, [0.0] * 40, [0.0] * 120), judged=False)
    assert seen.value == pytest.approx(alone.value)
    assert seen.high - seen.low == pytest.approx(alone.high - alone.low, rel=0.02)


def test_labels_that_all_agree_with_the_judge_leave_an_interval() -> None:
    seen = estimate(rows([1.0] * 10 + [0.0] * 10, [1.0] * 10 + [0.0] * 10, [1.0] * 100 + [0.0] * 100))
    assert seen.value == pytest.approx(0.5)
    assert seen.high - seen.low > 0.15


def test_a_group_counts_once_however_many_of_its_rows_have_labels() -> None:
    alone = rows([1.0, 0.0, 1.0, 1.0] * 5, [1.0, 0.0, 0.0, 1.0] * 5, [1.0] * 30 + [0.0] * 30)
    copies = [replace(row, label=row.label) for row in alone for _ in range(3)]
    one_of_three = [replace(row, label=row.label if copy == 0 else None) for row in alone for copy in range(3)]
    first, tripled, drawn = (estimate(each) for each in (alone, copies, one_of_three))
    for seen in (tripled, drawn):
        assert (seen.value, seen.low, seen.high) == pytest.approx((first.value, first.low, first.high))
        assert seen.labelled == first.labelled == 20


def test_a_labelled_row_stands_for_its_whole_group() -> None:
    large = [JudgedRow("large", 1.0, 1.0), *[JudgedRow("large", 1.0)] * 9]
    small = [JudgedRow(f"s{i}", float(i % 2), float(i % 2 and i > 1)) for i in range(10)]
    assert estimate([*large, *small], judged=False).value == pytest.approx((10 * 1 + 4) / 20)


def test_trials_of_an_example_weigh_one_example() -> None:
    one = [JudgedRow(f"e{i}", float(i % 2), float(i % 3 > 0)) for i in range(20)]
    twice = [replace(row, weight=0.5) for row in one for _ in range(2)]
    assert estimate(twice).value == pytest.approx(estimate(one).value)


def test_known_scores_stay_and_the_rest_is_corrected_by_its_share() -> None:
    scored = rows([1.0] * 15 + [0.0] * 5, [1.0] * 14 + [0.0] * 6, [1.0] * 60 + [0.0] * 20)
    errors = [JudgedRow(f"e{i}", 0.0, known=True) for i in range(25)]
    inner, whole = estimate(scored), estimate([*scored, *errors])
    assert whole.value == pytest.approx(0.8 * inner.value)
    # Wider than 0.8 of it, since the share of errors is that of a sample too.
    assert whole.high - whole.low > 0.8 * (inner.high - inner.low)


def test_a_label_of_a_known_score_says_nothing() -> None:
    sample = [*verdicts(), JudgedRow("e", 0.0, known=True)]
    labelled = [*verdicts(), JudgedRow("e", 0.0, 1.0, known=True)]
    assert estimate(sample) == estimate(labelled)


def test_without_a_label_there_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="an estimate needs at least one label"):
        estimate([JudgedRow("a", 1.0), JudgedRow("e", 0.0, 1.0, known=True)])


rate = st.integers(0, 4).map(lambda k: k / 4)


@given(st.lists(st.tuples(rate, rate, st.integers(0, 12)), min_size=12, max_size=40), st.lists(rate, max_size=60))
def test_value_and_interval_stay_within_0_and_1(labelled: list[tuple[float, float, int]], others: list[float]) -> None:
    sample = [JudgedRow(str(group), f, y) for f, y, group in labelled]
    sample += [JudgedRow(f"u{i}", f) for i, f in enumerate(others)]
    for judged in (True, False):
        seen = estimate(sample, judged=judged)
        assert 0 <= seen.low <= seen.value <= seen.high <= 1
        assert seen.low < seen.high


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(lots: random.Random) -> None:
    sample = verdicts()[60:200]
    seen = estimate(sample)
    lots.shuffle(sample)
    again = estimate(sample)
    assert (again.low, again.value, again.high) == pytest.approx((seen.low, seen.value, seen.high), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=12, max_size=40))
def test_what_is_bad_instead_of_good_mirrors_the_figure(pairs: list[tuple[bool, bool]]) -> None:
    sample = rows([float(y) for y, _ in pairs], [float(f) for _, f in pairs], [1.0, 0.0, 0.0])
    seen = estimate(sample)
    other = estimate([replace(r, judge=1 - r.judge, label=None if r.label is None else 1 - r.label) for r in sample])
    assert (1 - other.high, 1 - other.value, 1 - other.low) == pytest.approx((seen.low, seen.value, seen.high))
