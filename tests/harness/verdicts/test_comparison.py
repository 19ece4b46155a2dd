"""Two runs beside each other: what is shared, what changed, which examples flipped, and when they are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.verdicts.comparison import compare
from papillon.results import Row, RunResult
from papillon.results.comparison import Differing, SplitComparison
from papillon.results.rows import METRICS
from papillon.results.run import ModelNames
from tests.harness.verdicts.samples import qualities, row
from tests.papillon.results.samples import INFO, result


def run(rows: Sequence[Row], id: str = "before", **changed: object) -> RunResult:
    return replace(result(*rows), run=replace(INFO, id=id, **changed))  # type: ignore[arg-type]


def dev(before: Sequence[Row], after: Sequence[Row]) -> SplitComparison:
    (split,) = compare(run(before), run(after, "after")).splits
    return split


def test_runs_are_named_and_what_differs_between_them_too() -> None:
    rows = qualities(3, 2)
    models = ModelNames("openai/local", "openai/other", "openai/judge")
    found = compare(run(rows), run(rows, "after", models=models, versions={"papillon": "0.1.0", "dspy": "3.4.1"}))
    assert (found.before, found.after, found.comparable) == ("before", "after", True)
    assert found.differing == (
        Differing("untrusted model", "openai/untrusted", "openai/other"),
        Differing("version of python", "3.11.9", ""),
        Differing("version of dspy", "", "3.4.1"),
    )


def test_what_cannot_be_compared_is_refused_and_nothing_is_computed() -> None:
    rows = qualities(3, 2)
    found = compare(run(rows), run(rows, "after", scores=1))
    assert found.refused == "their scores are of other definitions (versions 2 and 1)"
    assert (found.comparable, found.splits, found.unchanged) == (False, (), False)
    found = compare(run(rows), run([replace(each, split="test", id=f"test-{each.id}") for each in rows], "after"))
    assert found.refused == "they share no example"


def test_examples_that_stand_in_one_run_only_are_counted_and_left_out() -> None:
    split = dev([row(0), row(1), row(2)], [row(1, quality=0), row(2), row(3), row(4)])
    assert (split.shared, split.before_only, split.after_only) == (2, 1, 2)
    quality = split.change("quality")
    assert quality is not None
    assert (quality.n, quality.before, quality.after) == (2, 1.0, 0.5)


def test_an_example_without_a_score_on_one_side_is_counted_as_unscored() -> None:
    split = dev([row(0), row(1)], [row(0), row(1, failed=True)])
    assert (split.shared, split.unscored) == (2, 1)
    assert [change.n for change in split.changes] == [1] * len(split.changes)


def test_trials_are_averaged_by_example() -> None:
    split = dev([row(0, quality=0, trial=0), row(0, quality=1, trial=1)], [row(0, quality=1)])
    assert [(flip.before["quality"], flip.after["quality"]) for flip in split.flipped] == [(0.5, 1.0)]


def test_flipped_examples_are_listed_the_worst_first_with_every_metric() -> None:
    before = [row(0), row(1), row(2, quality=0), row(3), row(4, 0), row(5)]
    after = [row(0), row(1, leaked=1), row(2), row(3, quality=0, leaked=1), row(4, 1, leaked=1), row(5, quality=0)]
    flips = dev(before, after).flipped
    assert [flip.id[-1] for flip in flips] == ["3", "5", "1", "4", "2"]
    assert set(METRICS) <= flips[0].before.keys() == flips[0].after.keys()
    assert (flips[0].before["leakage"], flips[0].after["leakage"]) == (0.0, 1.0)


def test_several_metrics_are_corrected_together() -> None:
    before, after = qualities(0, 20), qualities(6, 14)
    split = dev(before, after)
    quality = split.change("quality")
    assert quality is not None
    assert quality.p > 2 / 2**6
    assert not quality.moved


def test_splits_stand_apart_and_one_that_a_run_lacks_shares_nothing() -> None:
    both = [*qualities(2, 1), *qualities(2, 1, split="test")]
    found = compare(run(both), run(qualities(2, 1, split="test"), "after"))
    assert [(each.split, each.shared, each.before_only) for each in found.splits] == [("dev", 0, 3), ("test", 3, 0)]
    assert found.splits[0].changes == ()


def test_the_same_rows_are_told_apart_from_the_same_scores() -> None:
    rows = qualities(2, 2)
    assert compare(run(rows), run([replace(each, seconds=9.0) for each in rows], "after")).unchanged
    assert not compare(run(rows), run([replace(each, judge_leaked=1) for each in rows], "after")).unchanged
    assert not compare(run(rows), run(rows[1:], "after")).unchanged


SIDES = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 2)), min_size=1, max_size=30)


def rows_of(side: list[tuple[float, int]], first: int = 0) -> list[Row]:
    return [row(i + first, quality=quality, leaked=leaked, units=2) for i, (quality, leaked) in enumerate(side)]


@given(SIDES)
@settings(max_examples=15, deadline=None)
def test_a_run_compared_with_itself_shows_no_change(side: list[tuple[float, int]]) -> None:
    found = compare(run(rows_of(side)), run(rows_of(side)))
    assert found.unchanged
    assert not found.differing
    for split in found.splits:
        assert not split.flipped
        assert {(change.difference, change.p, change.moved) for change in split.changes} == {(0.0, 1.0, False)}
        assert not any(part.moved for part in split.slices)


@given(SIDES, SIDES, st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_swapped_runs_show_the_same_change_the_other_way_round(
    one: list[tuple[float, int]], other: list[tuple[float, int]], first: int
) -> None:
    forth, back = (compare(*sides) for sides in _both(run(rows_of(one)), run(rows_of(other, first), "after")))
    assert forth.comparable == back.comparable
    for here, there in zip(forth.splits, back.splits, strict=True):
        assert (here.shared, here.before_only, here.after_only) == (there.shared, there.after_only, there.before_only)
        for a, b in zip(here.changes, there.changes, strict=True):
            assert (a.metric, a.before, a.after, a.rose, a.fell) == (b.metric, b.after, b.before, b.fell, b.rose)
            assert abs(a.difference + b.difference) <= 1e-6
        assert {flip.id for flip in here.flipped} == {flip.id for flip in there.flipped}


def _both(a: RunResult, b: RunResult) -> tuple[tuple[RunResult, RunResult], tuple[RunResult, RunResult]]:
    return (a, b), (b, a)


def test_a_run_without_targets_is_compared_in_what_both_have() -> None:
    with_targets = [row(0), row(1, leaked=1)]
    none = dict.fromkeys(("quality", "verdict", "overall", "tutorial_overall"))
    bare = [replace(each, **none) for each in (row(0), row(1))]
    found = compare(run(with_targets), run(bare, "after", targets=False))
    assert Differing("targets", "yes", "no") in found.differing
    (split,) = found.splits
    assert {change.metric for change in split.changes} == {"leakage", "carried", "verbatim_leakage", "errors"}
    assert [flip.id for flip in split.flipped] == [with_targets[1].id]
