"""What an LLM judge is given to read, and what its answers say together."""

from __future__ import annotations

import pytest

from judges.judge import Opinion
from judges.questions import comparison, count_from, counting, preference
from judges.values import Count
from papillon.results.traces import Judgement


def opinion(order: str, answer: bool) -> Opinion:
    return Opinion(Judgement("quality", order, answer, "so", 1), ("k",))  # type: ignore[arg-type]


def test_units_are_numbered_and_each_text_is_delimited() -> None:
    asked = counting(("Ann  Lee", "Oslo\n2"), "to <data>Ann")
    assert asked == {
        "pieces": "<data>\n1. Ann Lee\n2. Oslo 2\n</data>",
        "request": "<data>\nto &lt;data>Ann\n</data>",
    }
    assert [*comparison("q", "a", "b")] == ["user_query", "response_a", "response_b"]


@pytest.mark.parametrize(
    ("count", "says"), [(Count(4), "got 4"), (Count(-1), "got -1"), (Count(2, 2), "got 2 of 2"), (Count(3, 3), "")]
)
def test_a_count_that_cannot_be_true_is_refused(count: Count, says: str) -> None:
    if not says:
        assert count_from(count, 3) == 3
        return
    with pytest.raises(ValueError, match=rf"^expected a count from 0 to 3, {says}$"):
        count_from(count, 3)


@pytest.mark.parametrize(
    ("first", "second", "score", "verdict"),
    [(True, True, 1, "tie"), (True, False, 1, "better"), (False, True, 0, "worse"), (False, False, 1, "inconsistent")],
)
def test_only_a_target_that_is_preferred_in_both_places_is_better(
    first: bool, second: bool, score: int, verdict: str
) -> None:
    opinions = opinion("answer-first", first), opinion("target-first", second)
    found = preference(*opinions)
    assert (found.score, found.verdict, found.opinions) == (score, verdict, opinions)
