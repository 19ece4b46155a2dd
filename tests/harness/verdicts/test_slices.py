"""Slices: which examples stand together, what they scored, what moved, and how much of that is chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evals.harness.verdicts.slices import LEAST, slice_changes, slices
from papillon.results import Row
from tests.harness.verdicts.samples import row


def sliced(i: int, quality: float = 1.0, leaked: int = 0, **properties: Any) -> Row:
    """A row with properties that a slice may go by."""
    return replace(row(i, quality, leaked, units=properties.pop("units", 1)), **properties)


def test_examples_stand_together_by_what_they_share() -> None:
    rows = [
        sliced(0, category="mail", query_chars=20, script="Latin", units=0),
        sliced(1, category="mail", query_chars=150, script="Latin", units=1),
        sliced(2, category="jobs", query_chars=399, script="Latin", units=3),
        sliced(3, category="mail", query_chars=5000, script="Latin", units=9),
    ]
    assert [(part.by, part.name, part.n) for part in slices(rows)] == [
        ("category", "mail", 3),
        ("category", "jobs", 1),
        ("length", "under 150", 1),
        ("length", "150 to 399", 2),
        ("length", "1200 and more", 1),
        ("units", "none", 1),
        ("units", "1", 1),
        ("units", "2 or 3", 1),
        ("units", "4 and more", 1),
    ]


def test_what_an_older_file_lacks_makes_no_slices() -> None:
    assert {part.by for part in slices([row(0, units=1), row(1, units=2)])} <= {"units"}


def test_a_slice_has_its_means_with_intervals_over_its_scored_examples() -> None:
    rows = [sliced(0, 1, units=1), sliced(1, 0, 1, units=1), sliced(2, 1, units=2), row(3, units=1, failed=True)]
    one = slices(rows)[0]
    assert (one.name, one.n, one.groups) == ("1", 3, 3)
    assert (one.scores["quality"].value, one.scores["quality"].n, one.scores["leakage"].value) == (0.5, 2, 0.5)
    assert one.scores["quality"].low is not None
    assert 0 <= one.scores["quality"].low < 0.5


def test_trials_of_one_example_are_one_example() -> None:
    rows = [row(0, 1.0, units=1, trial=0), row(0, 0.0, units=1, trial=1), row(1, units=2)]
    first = slices(rows)[0]
    assert (first.n, first.scores["quality"].value, first.scores["quality"].n) == (1, 0.5, 1)


def test_a_slice_that_moved_is_told_with_how_many_would_by_chance() -> None:
    before = [row(i, 1.0, units=1 + i % 2) for i in range(40)]
    after = [row(i, float(i % 2), units=1 + i % 2) for i in range(40)]
    found, looked, by_chance = slice_changes(before, after)
    assert [(part.name, part.n, [change.metric for change in part.moved]) for part in found] == [
        ("1", 20, ["quality", "overall"]),
        ("2 or 3", 20, []),
    ]
    assert (looked, by_chance) == (6, pytest.approx(0.3))


def test_a_small_slice_is_never_told_as_moved_nor_counted_as_looked_at() -> None:
    before = [row(i, 1.0, units=1 if i < LEAST - 1 else 2) for i in range(40)]
    after = [row(i, 0.0, units=1 if i < LEAST - 1 else 2) for i in range(40)]
    found, looked, _ = slice_changes(before, after)
    assert [(part.n, bool(part.changes)) for part in found] == [(LEAST - 1, False), (41 - LEAST, True)]
    assert looked == 3


def test_examples_without_a_score_do_not_make_a_slice_large_enough() -> None:
    before = [row(i, units=1, failed=i == 0) for i in range(LEAST)] + [row(LEAST + i, units=2) for i in range(LEAST)]
    found, looked, _ = slice_changes(before, [row(i, 0.0, units=1 if i < LEAST else 2) for i in range(2 * LEAST)])
    assert [(part.n, bool(part.changes)) for part in found] == [(LEAST, False), (LEAST, True)]
    assert looked == 3


def test_only_examples_of_both_runs_are_in_the_slices_of_two() -> None:
    found, _, _ = slice_changes([row(0, units=1), row(1, units=2)], [row(1, units=2), row(2, units=1), row(0, units=1)])
    assert [(part.name, part.n) for part in found] == [("1", 1), ("2 or 3", 1)]
