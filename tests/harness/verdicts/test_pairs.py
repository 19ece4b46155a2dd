"""Pairs of runs: what is laid beside what, and what counts as a change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.verdicts.pairs import Flip, Pairs, mean_by_example, trials_by_example
from tests.harness.verdicts.samples import row


def pairs(*triples: tuple[float, float, str]) -> Pairs:
    """Pairs from (before, after, group)."""
    ids = [f"dev-{i:04d}" for i in range(len(triples))]
    before, after, groups = zip(*triples, strict=True)
    return Pairs(
        dict(zip(ids, before, strict=True)), dict(zip(ids, after, strict=True)), dict(zip(ids, groups, strict=True))
    )


def test_an_examples_score_is_the_mean_of_its_trials_that_have_one() -> None:
    rows = [row(0, quality=1, trial=0), row(0, quality=0, trial=1), row(0, trial=2, failed=True), row(1, failed=True)]
    samples = trials_by_example(rows, "quality")
    assert samples == {"dev-0000": [1.0, 0.0]}
    assert mean_by_example(samples) == {"dev-0000": 0.5}


def test_only_examples_on_both_sides_are_paired_and_the_others_are_counted() -> None:
    both = Pairs({"a": 1.0, "b": 0.0}, {"b": 1.0, "c": 0.0}, {"b": "g", "c": "h"})
    assert both.examples == ["b"]
    assert both.unpaired == 1
    assert both.difference.value == 1.0


def test_duplicates_of_one_query_have_one_vote() -> None:
    assert pairs((1, 0, "copied"), (1, 0, "copied"), (1, 0, "copied"), (0, 1, "other"), (1, 1, "same")).votes() == (
        1,
        1,
    )


def test_a_group_that_moved_both_ways_alike_has_no_vote() -> None:
    assert pairs((1, 0, "g"), (0, 1, "g")).votes() == (0, 0)


@pytest.mark.parametrize(("after", "binary"), [(1.0, True), (0.5, False)])
def test_graded_scores_are_told_from_binary_ones(after: float, binary: bool) -> None:
    assert pairs((0.0, 1.0, "g"), (1.0, after, "h")).binary is binary


def test_flips_list_the_largest_worsening_first_whichever_way_is_worse() -> None:
    changed = pairs((0.5, 0.5, "a"), (0.0, 1.0, "b"), (1.0, 0.5, "c"), (1.0, 0.0, "d"))
    worst_first = [Flip("dev-0003", 1.0, 0.0), Flip("dev-0002", 1.0, 0.5), Flip("dev-0001", 0.0, 1.0)]
    assert changed.flips() == worst_first
    assert changed.flips(lower_is_worse=False) == worst_first[::-1]
    assert worst_first[0].to_json() == {"id": "dev-0003", "before": 1.0, "after": 0.0}


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from("abc"))))
def test_swapping_the_sides_turns_every_change_round(triples: list[tuple[float, float, str]]) -> None:
    if not triples:
        return
    there, back = pairs(*triples), pairs(*[(after, before, group) for before, after, group in triples])
    assert there.votes() == back.votes()[::-1]
    assert there.difference.value == -back.difference.value
    assert {flip.id for flip in there.flips()} == {flip.id for flip in back.flips()}
