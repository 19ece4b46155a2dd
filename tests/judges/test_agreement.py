from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from judges.agreement import Measure, kappa, share, spearman

judged = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcdefgh")), min_size=1, max_size=60)
numbers = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=40)


def table(both: int, first: int, second: int, neither: int) -> list[tuple[bool, bool, str]]:
    """Two raters' answers, each of a case of its own."""
    cells = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second
    cells += [(False, False)] * neither
    return [(one, other, str(number)) for number, (one, other) in enumerate(cells)]


def test_kappa_and_its_interval_are_those_of_a_published_example() -> None:
    # dgbonett/statpsych, ci.kappa(.05, 31, 12, 4, 58), which follows Fleiss, Levin and Paik (2003).
    measure = kappa(table(58, 4, 12, 31), added=0)
    assert measure.value == pytest.approx(0.6756757, abs=1e-7)
    assert (measure.low, measure.high) == pytest.approx((0.5317210, 0.8196303), abs=1e-7)
    assert measure.n == 105


def test_kappa_of_fifty_proposals_is_two_fifths() -> None:
    # po = 35/50; pe = 25/50 * 30/50 + 25/50 * 20/50 = 1/2; (0.7 - 0.5) / 0.5.
    assert kappa(table(20, 5, 10, 15)).value == pytest.approx(0.4)


@given(judged)
@example([(True, True, "one"), (False, False, "one")] * 100)
@settings(max_examples=60)
def test_kappa_lies_in_its_range_and_its_interval_and_is_the_same_either_way(
    pairs: list[tuple[bool, bool, str]],
) -> None:
    measure = kappa(pairs)
    mirrored = kappa([(other, one, case) for one, other, case in pairs])
    if measure.value is None:
        assert len({side for one, other, _ in pairs for side in (one, other)}) == 1
        assert mirrored.value is None
        return
    assert measure.low is not None
    assert measure.high is not None
    assert -1 <= measure.low <= measure.value <= measure.high <= 1
    assert measure.low < measure.high
    assert mirrored.value == pytest.approx(measure.value)
    assert (mirrored.low, mirrored.high) == pytest.approx((measure.low, measure.high))


def test_the_interval_of_kappa_is_that_of_the_table_with_the_added_observations() -> None:
    widened, larger = kappa(table(20, 5, 10, 15), added=1), kappa(table(21, 6, 11, 16), added=0)
    assert (widened.low, widened.high) == pytest.approx((larger.low, larger.high))
    assert widened.value == pytest.approx(0.4)


@given(st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=30)
def test_kappa_is_one_for_full_agreement_with_an_interval_that_narrows_and_never_closes(yes: int, no: int) -> None:
    measure, twice = kappa(table(yes, 0, 0, no)), kappa(table(2 * yes, 0, 0, 2 * no))
    assert measure.value == 1
    assert measure.low is not None
    assert twice.low is not None
    assert measure.low < twice.low < 1


@given(st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=30)
def test_kappa_of_a_constant_answer_is_exactly_zero(yes: int, no: int) -> None:
    assert kappa(table(yes, 0, no, 0)).value == 0


def test_kappa_of_two_constants_says_nothing() -> None:
    assert kappa(table(9, 0, 0, 0)) == Measure(None, n=9)
    assert kappa([]) == Measure(None)


def test_units_of_one_case_narrow_the_interval_of_kappa_no_further_than_one_unit() -> None:
    single = table(20, 5, 10, 15)
    fivefold = kappa([pair for pair in single for _ in range(5)], added=0)
    assert fivefold.value == kappa(single).value
    assert (fivefold.low, fivefold.high) == pytest.approx((kappa(single, 0).low, kappa(single, 0).high))


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_wilsons_interval(hits: int, of: int, low: float, high: float) -> None:
    # Table I of Newcombe, Statistics in Medicine 17 (1998), method 3.
    measure = share([(number < hits, str(number)) for number in range(of)])
    assert measure.value == hits / of
    assert (measure.low, measure.high) == pytest.approx((low, high), abs=5e-5)


def test_a_share_counts_cases_for_its_interval_and_judgements_for_its_value() -> None:
    measure = share([(True, "one"), (False, "one")] * 50)
    assert (measure.value, measure.n) == (0.5, 100)
    # One case: (0.5 + z²/2 ± z * sqrt(0.25 + z²/4)) / (1 + z²) with z = 1.96.
    assert (measure.low, measure.high) == pytest.approx((0.0546, 0.9454), abs=1e-4)
    assert share([]) == Measure(None)


def test_spearman_is_that_of_a_worked_example() -> None:
    quotients = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    measure = spearman(quotients, hours)
    assert measure.value == pytest.approx(-29 / 165)
    # atanh(-0.17576) = -0.17760; 1.96 * sqrt((1 + 0.17576**2 / 2) / 7) = 0.74650.
    assert (measure.low, measure.high) == pytest.approx((-0.7278, 0.5145), abs=1e-4)


def test_spearman_gives_ties_their_mean_rank() -> None:
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]).value == pytest.approx(0.9**0.5)


@given(numbers)
@settings(max_examples=60)
def test_spearman_follows_order_alone(pairs: list[tuple[int, int]]) -> None:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    measure = spearman(xs, ys)
    assert spearman([x**3 for x in xs], ys).value == measure.value
    if measure.value is None:
        assert len(set(xs)) == 1 or len(set(ys)) == 1
        return
    assert -1 <= measure.value <= 1
    assert spearman([-x for x in xs], ys).value == pytest.approx(-measure.value)
    if measure.low is not None and measure.high is not None:
        assert -1 <= measure.low <= measure.value <= measure.high <= 1


def test_spearman_of_a_constant_says_nothing_and_of_full_order_has_no_interval() -> None:
    assert spearman([1, 1, 1], [1, 2, 3]) == Measure(None, n=3)
    assert spearman([1, 2, 3, 4, 5], [2, 4, 6, 8, 9]) == Measure(1.0, n=5)
