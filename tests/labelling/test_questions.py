"""What a person is asked about a row, and what the answers mean."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.labelling.questions import Answer, Questions, Unanswerable
from tests.judges.labels.samples import trace
from tests.labelling.samples import HOSTILE

HERE, THERE = Questions(trace(1), True), Questions(trace(1), False)


@pytest.mark.parametrize(
    ("asked", "choice", "label"),
    [
        (HERE, "A", "better"),
        (HERE, "B", "worse"),
        (THERE, "A", "worse"),
        (THERE, "B", "better"),
        (HERE, "same", "tie"),
        (THERE, "same", "tie"),
        (THERE, "cannot tell", "cannot tell"),
    ],
)
def test_a_choice_is_turned_back_to_the_programs_answer(asked: Questions, choice: Any, label: str) -> None:
    assert asked.label(Answer(choice, (True, False))) == (label, (True, False))


def test_the_replies_stand_where_the_places_were_drawn() -> None:
    ours, theirs = trace(1).response, trace(1).target
    assert (HERE.shown()["replies"], THERE.shown()["replies"]) == ([ours, theirs], [theirs, ours])


def test_places_are_drawn_for_each_row_and_person_and_come_evenly() -> None:
    drawn = [Questions.of(trace(n), 0, by).answer_first for n in range(500) for by in ("anna", None)]
    assert drawn == [Questions.of(trace(n), 0, by).answer_first for n in range(500) for by in ("anna", None)]
    assert 430 < sum(drawn) < 570  # 500 on average, with a standard deviation of 16
    assert drawn[::2] != drawn[1::2]


def test_nothing_shown_says_which_row_it_is_or_what_was_judged() -> None:
    judged = replace(trace(7), judge_extra=3, error="a failure")
    assert set(Questions(judged, True).shown()) == {"query", "replies", "requests", "units"}
    assert "dev-0007" not in json.dumps(Questions(judged, True).shown())


def test_texts_that_would_act_on_eyes_are_shown_by_their_escapes() -> None:
    shown = Questions(trace(1, query=HOSTILE, units=("a\nb\u202e",)), True).shown()
    assert "\u202e" not in json.dumps(shown, ensure_ascii=False)
    assert "<script>" in shown["query"], "what acts on no eye stays as it is; the page makes text of it"
    assert shown["units"] == ["a\\nb\\u202e"]


@pytest.mark.parametrize(
    ("texts", "of_quality", "of_leakage", "label"),
    [
        ({"target": " "}, False, True, (None, (True, False))),
        ({"units": ()}, True, False, ("tie", ())),
        ({"requests": ()}, True, False, ("tie", (False, False))),
        ({"requests": ("", "")}, True, False, ("tie", (False, False))),
        ({"target": "", "units": ()}, False, False, (None, ())),
    ],
)
def test_what_a_row_does_not_have_is_not_asked(
    texts: dict[str, Any], of_quality: bool, of_leakage: bool, label: object
) -> None:
    asked = Questions(trace(1, **texts), True)
    assert (asked.of_quality, asked.of_leakage) == (of_quality, of_leakage)
    assert (asked.shown()["replies"] is not None, bool(asked.shown()["units"])) == (of_quality, of_leakage)
    given = Answer("same" if of_quality else None, (True, False) if of_leakage else None)
    assert asked.label(given) == label


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(None, (True, False)), "a choice where there are two replies"),
        (Answer("A", (True,)), "expected 2 units with yes or no, got 1"),
    ],
)
def test_an_answer_that_does_not_fit_the_row_is_refused(answer: Answer, why: str) -> None:
    with pytest.raises(Unanswerable, match=why):
        HERE.label(answer)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda more: st.lists(more, max_size=3))
    | st.fixed_dictionaries(
        {},
        optional={
            "choice": st.sampled_from(["A", "C", 3, []]),
            "leakage": st.sampled_from([[True], [1], "a", {}]),
            "comment": st.sampled_from(["", 3]),
        },
    )
)
def test_whatever_comes_is_an_answer_or_refused_in_words(data: object) -> None:
    answer = None
    with contextlib.suppress(Unanswerable):
        answer = Answer.of(data)
    assert answer is None or (answer.choice in (None, "A") and answer.leakage in (None, (True,)))


def test_an_answer_shows_no_comment_in_its_repr() -> None:
    assert "secret" not in repr(Answer("A", None, "secret")) + repr(Questions(trace(1, query="secret"), True))
