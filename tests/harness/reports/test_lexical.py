"""Lexical: the reason that a view gives is the one that the judge scored by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evals.harness.reports.lexical import GOOD_ENOUGH, reason
from judges.lexical import lexical_quality

texts = st.lists(st.sampled_from(["letter", "to", "the", "landlord", "李小明", "é"])).map(" ".join)


@given(texts, texts)
def test_the_reason_is_what_the_judge_scored_by(answer: str, target: str) -> None:
    why, judged = reason(answer, target), lexical_quality(answer, target)
    assert why.closeness.value == judged.closeness
    assert (why.closeness.value >= GOOD_ENOUGH) == bool(judged.score)


def test_the_first_eight_words_that_an_answer_lacks_are_named_and_the_others_counted() -> None:
    why = reason("", " ".join("abcdefghij"))
    assert why.lacks == tuple((letter, 1) for letter in "abcdefgh")
    assert why.more == 2
    assert reason("tea", "tea and and lemonade tea").lacks == (("lemonade", 1), ("and", 2), ("tea", 1))


def test_no_word_of_a_text_stands_in_a_traceback() -> None:
    assert "secret" not in repr(reason("", "secret"))
