"""One metric on both sides: its difference, its test, and several told together."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.verdicts.changes import change_of, together
from papillon.results.comparison import Change

SCORES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 2, st.sampled_from("abcdef")), min_size=1)


def change(metric: str, triples: Sequence[tuple[float, float, str]]) -> Change:
    """The change over (before, after, group)."""
    ids = [f"dev-{i:04d}" for i in range(len(triples))]
    before, after, groups = (dict(zip(ids, side, strict=True)) for side in zip(*triples, strict=True))
    found = change_of(metric, before, after, groups)
    assert found is not None
    return found


def singles(rose: int, fell: int, stayed: int) -> list[tuple[float, float, str]]:
    pairs = [(0.0, 1.0)] * rose + [(1.0, 0.0)] * fell + [(1.0, 1.0)] * stayed
    return [(*pair, f"g{i}") for i, pair in enumerate(pairs)]


def test_quality_is_tested_by_exact_mcnemar() -> None:
    seen = change("quality", singles(9, 1, 10))
    assert (seen.before, seen.after, seen.difference) == (0.55, 0.95, 0.4)
    assert (seen.n, seen.groups, seen.rose, seen.fell) == (20, 20, 9, 1)
    assert seen.p == round(2 * (1 + 10) / 2**10, 6)
    assert seen.moved
    assert not change("quality", singles(8, 2, 10)).moved


def test_copies_of_one_query_have_one_vote_on_quality() -> None:
    copies = [(0.0, 1.0, "copied")] * 30
    seen = change("quality", [*copies, *singles(0, 0, 5)])
    assert (seen.rose, seen.groups, seen.p) == (30, 6, 1.0)


def test_a_large_group_that_outweighs_many_small_ones_shows_nothing() -> None:
    assert change("quality", [*[(1.0, 0.0, "large")] * 40, *singles(12, 0, 0)]).p == 1.0


def test_other_metrics_are_tested_by_their_paired_bootstrap() -> None:
    graded = [(0.5, 0.25, f"g{i}") for i in range(30)]
    seen = change("leakage", graded)
    assert (seen.before, seen.after, seen.difference, seen.fell) == (0.5, 0.25, -0.25, 30)
    assert seen.high < 0
    assert seen.moved


def test_nothing_is_said_where_no_example_stands_on_both_sides() -> None:
    assert change_of("quality", {"a": 1.0}, {"b": 1.0}, {"b": "g"}) is None


def test_several_told_together_are_corrected_by_holm() -> None:
    alone = [change("quality", singles(7, 0, 10)), change("leakage", singles(9, 0, 10)), change("x", singles(1, 1, 9))]
    assert [each.moved for each in alone] == [True, True, False]
    told = together(alone)
    assert told[0].p == round(2 * alone[0].p, 6)
    assert [each.moved for each in told] == [True, True, False]
    assert [each.moved for each in together([*alone, *[alone[2]] * 4])] == [False, True, *[False] * 5]


def test_a_metric_in_which_no_example_differs_takes_nothing_from_the_others() -> None:
    (moved, *still) = together([change("quality", singles(7, 0, 10)), *[change("errors", singles(0, 0, 17))] * 6])
    assert (moved.p, moved.moved) == (0.015625, True)
    assert {(each.p, each.moved) for each in still} == {(1.0, False)}


@given(SCORES, st.sampled_from(["quality", "leakage"]))
@settings(max_examples=40, deadline=None)
def test_swapping_the_sides_negates_the_change(triples: list[tuple[float, float, str]], metric: str) -> None:
    forth, back = (change(metric, each) for each in (triples, [(b, a, group) for a, b, group in triples]))
    assert (forth.before, forth.after) == (back.after, back.before)
    assert abs(forth.difference + back.difference) <= 1e-6
    # Up to the error of 10,000 draws, which are others.
    assert abs(forth.low + back.high) <= 0.05
    assert (forth.rose, forth.fell) == (back.fell, back.rose)
    assert abs(forth.p - back.p) <= 0.05
    assert forth.low <= forth.difference <= forth.high


@given(SCORES)
@settings(max_examples=20, deadline=None)
def test_equal_sides_have_not_moved(triples: list[tuple[float, float, str]]) -> None:
    same = change("leakage", [(a, a, group) for a, _, group in triples])
    assert (same.difference, same.rose, same.fell, same.p, same.moved) == (0.0, 0, 0, 1.0, False)
