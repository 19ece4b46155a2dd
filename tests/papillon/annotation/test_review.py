"""Review: decisions as data: what counts, what is taken back, and what is about another query."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.annotation.queries import Query
from papillon.annotation.review import Decision, Review
from papillon.data import pii_units
from papillon.errors import UsageError
from tests.papillon.annotation.samples import PROPOSED, QUERY, review


def test_accepted_units_come_in_the_querys_order_and_rejected_ones_not_at_all() -> None:
    found = review()
    row = found.rows[0]
    found.take([row.answered(PROPOSED[2], True), row.answered(PROPOSED[1], False), row.answered(PROPOSED[0], True)])
    assert found.rows[0].units == ("Ann Lee", "ann@lee.example")
    assert found.rows[0].open == ()


def test_an_added_unit_stands_where_it_is_first_or_is_what_the_person_wrote() -> None:
    found = review()
    row = found.rows[0]
    inside, outside = row.added(" a poem "), row.added("Annie")
    assert (inside.start, inside.end, inside.text) == (53, 59, None)
    assert QUERY.text[53:59] == "a poem"
    assert (outside.start, outside.end, outside.text) == (None, None, "Annie")
    found.take([outside, inside, row.marked(53, 59)])
    assert found.rows[0].units == ("a poem", "Annie")


@pytest.mark.parametrize("text", ["a||b", "|a", "a|"])
def test_a_unit_that_could_not_be_joined_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^Expected a unit without \|\| in it and \| at its edges"):
        review().rows[0].added(text)


@pytest.mark.parametrize("text", ["", " "])
def test_a_unit_without_a_sign_is_refused_as_that(text: str) -> None:
    with pytest.raises(UsageError, match=r"^Expected a unit, got nothing; write what is private\.$"):
        review().rows[0].added(text)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 4), (-1, 3), (0, 999), (4, 5)])
def test_a_mark_is_a_piece_of_the_query(start: int, end: int) -> None:
    with pytest.raises(UsageError, match=r"^Expected a marked piece of the query"):
        review().rows[0].marked(start, end)


def test_a_query_is_finished_when_every_proposal_has_its_answer() -> None:
    found = review("Hello")
    with pytest.raises(
        UsageError, match=r"^Expected an answer to every proposal, and 3 are open; answer them first\.$"
    ):
        found.rows[0].finish()
    found.take([found.rows[0].answered(each, False) for each in PROPOSED])
    found.take([found.rows[0].finish()])
    assert [row.query.place for row in found.finished] == [0]
    assert found.next is found.rows[1]
    found.take([found.rows[1].finish()])
    assert found.next is None


def test_an_undo_takes_back_the_last_answer_and_then_the_one_before() -> None:
    found = review()
    row = found.rows[0]
    found.take([row.answered(PROPOSED[0], True), row.answered(PROPOSED[1], True)])
    for left in (("Ann Lee",), ()):
        undone = found.undo()
        assert undone is not None
        found.take([undone])
        assert found.rows[0].units == left
    assert found.undo() is None
    assert found.rows[0].open == PROPOSED


def test_an_undo_takes_back_that_a_query_is_finished() -> None:
    found = review("Hello")
    found.take([found.rows[1].finish()])
    undone = found.undo()
    assert undone is not None
    found.take([undone])
    assert not found.rows[1].finished


def test_decisions_about_other_queries_are_counted_and_left_out() -> None:
    found = review()
    good = found.rows[0].answered(PROPOSED[0], True)
    strange = [replace(good, digest="0" * 16), replace(good, start=0, end=10_000)]
    assert found.take([*strange, good]) == 2
    assert found.rows[0].units == ("Ann Lee",)


def test_a_decision_is_about_a_text_wherever_its_query_stands_now() -> None:
    moved = replace(QUERY, place=2)
    found = Review([Query(0, "new"), Query(1, "too"), moved, replace(QUERY, place=3)], [(), (), PROPOSED, PROPOSED])
    before = review()
    answers = [before.rows[0].answered(each, True) for each in PROPOSED]
    assert found.take([*answers, before.rows[0].finish(answers)]) == 0
    assert [row.finished for row in found.rows] == [False, False, True, True], "a text is reviewed once"
    assert found.rows[2].units == found.rows[3].units == ("Ann Lee", "Oslo", "ann@lee.example")
    undone = found.undo()
    assert undone is not None
    found.take([undone])
    assert found.next is found.rows[0]
    assert not found.rows[3].finished


def test_queries_of_one_text_have_the_proposals_of_all_of_them() -> None:
    found = Review([QUERY, replace(QUERY, place=1)], [PROPOSED[:1], PROPOSED[1:]])
    assert found.rows[0].proposals == found.rows[1].proposals == PROPOSED


def test_an_answer_on_what_is_no_longer_proposed_counts_as_before() -> None:
    found = Review([QUERY], [()])
    found.take([Decision(0, QUERY.digest, "accept", 16, 20)])
    assert found.rows[0].units == ("Oslo",)


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 8), st.sampled_from(["accept", "reject", "open"]))))
def test_units_always_come_back_from_a_cell_and_later_decisions_win(steps: list[tuple[int, int, str]]) -> None:
    found = review()
    last: dict[tuple[int, int], str] = {}
    for start, length, what in steps:
        end = min(start + length, len(QUERY.text))
        if start >= end or not QUERY.text[start:end].strip():
            continue
        found.take([Decision(0, QUERY.digest, what, start, end)])  # type: ignore[arg-type]
        last[start, end] = what
    units = found.rows[0].units
    assert pii_units("||".join(units)) == units
    assert {place for place, what in last.items() if what == "accept"} == {
        (start, end) for (start, end, _), what in found.rows[0].decided.items() if what == "accept"
    }


def test_a_unit_named_as_it_is_shown_is_what_stands_there() -> None:
    row = Review([Query(0, "Hi Ann\u00a0Lee, hi")], [()]).rows[0]
    assert (row.added("Ann\\xa0Lee").start, row.added("Ann\\xa0Lee").end) == (3, 10)
    assert row.added("Bo\\xa0Lee").text == "Bo\\xa0Lee"
