"""A judge's value is read without its markup; what is no value alone is none, whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dspy.adapters.utils import parse_value
from hypothesis import given
from hypothesis import strategies as st

from judges.values import Count, read_value

YES = [
    "True",
    "true",
    "TRUE",
    "**True**",
    "True.",
    "**True**.",
    "`true`",
    '"True"',
    "“True”",
    "Yes",
    "yes.",
    "1",
    "\nTrue ",
]
NO = ["False", "*false*", "False.", "`False`", "'False'", "No", "**No.**", "0"]
NO_TRUTH = [
    *("", "**", "2", "None", "null", "INCORRECT", "CORRECT", "Truely", "not True", "True or False", "True/False"),
    *("I think True", "True (A is better)", "True\n\nBecause A is longer.", "A", "{}", "[True]", "t.r.u.e"),
]
NO_COUNT = [
    *("", "*", "two", "I think two", "I think 2", "2 pieces", "2 (Ann, Oslo)", "2\n\nBecause", "−1", "1.5", "1,2"),
    *("True", "None", "[2]", "1 2", "1 of", "of 3", "1 of three", "1 of 2 of 3", "1 or 2", "Two (2)", "２", "1e0"),
]


@pytest.mark.parametrize(("text", "value"), [(text, True) for text in YES] + [(text, False) for text in NO])
def test_a_truth_value_is_read_without_its_markup(text: str, value: bool) -> None:
    assert read_value(text, bool) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, Count(2)) for text in ("2", "**2**", "2.", "`2`", '"2"', "2.0", "+2", " 02\n", "```\n2\n```")),
        ("-1", Count(-1)),
        *((text, Count(1, 3)) for text in ("1 of 3", "1/3", "**1 of 3**", "1 / 3.", "1 out of 3", "1 OF 3")),
        ("0/3", Count(0, 3)),
        ("4 of 3", Count(4, 3)),
    ],
)
def test_a_count_is_read_without_its_markup_and_may_say_of_how_many(text: str, value: Count) -> None:
    assert read_value(text, int) == value


@pytest.mark.parametrize(("text", "kind"), [(t, bool) for t in NO_TRUTH] + [(t, int) for t in NO_COUNT])
def test_prose_and_other_values_are_refused(text: str, kind: type) -> None:
    with pytest.raises(ValueError, match=r"^expected (True or False|a whole number)$"):
        read_value(text, kind)


def test_text_stays_as_it_is() -> None:
    assert read_value(" **so** ", str) == " **so** "


@pytest.mark.parametrize("word", ["true", "false", "yes", "no", "1", "0", "on", "off", "t", "n"])
@pytest.mark.parametrize("written", [str, str.upper, str.title, repr])
def test_a_truth_value_that_dspy_reads_is_read_the_same(word: str, written: Callable[[str], str]) -> None:
    text = written(word)
    assert read_value(text, bool) is parse_value(text, bool)


words = st.sampled_from(["True", "False", "not", "2", "of", "3", "IN", "CORRECT", "C", "yes"])


@given(st.lists(words, min_size=2).map(" ".join), st.sampled_from([bool, int]))
def test_a_value_among_other_words_is_none(text: str, kind: Any) -> None:
    if text in ("2 of 3", "3 of 2", "2 of 2", "3 of 3") and kind is int:
        return
    with pytest.raises(ValueError, match="expected"):
        read_value(text, kind)
