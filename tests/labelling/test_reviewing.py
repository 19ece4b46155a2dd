"""Reviewing on the page: what is shown of a query, what an answer decides, and what is no answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from evals.labelling.reviewing import Reviewing, on_page
from evals.labelling.server import listening
from evals.labelling.sitting import Outdated
from papillon.annotation.proposals import Proposal
from papillon.annotation.queries import Query
from papillon.annotation.review import Decision, Review
from papillon.errors import UsageError
from tests.papillon.annotation.samples import QUERY, review


class Kept(list[Decision]):
    """Keeps decisions as a file would."""

    def __call__(self, decisions: Sequence[Decision]) -> list[Decision]:
        self.extend(decisions)
        return list(decisions)


def reviewing(*more: str) -> tuple[Reviewing, Kept]:
    kept = Kept()
    return Reviewing(review(*more), kept), kept


def give(asked: Reviewing, accepted: list[bool], added: list[str] | None = None) -> None:
    asked.give({"showing": asked.state()["item"]["showing"], "accepted": accepted, "added": added or [], "comment": ""})


def test_a_query_is_shown_in_pieces_with_its_proposals() -> None:
    state = reviewing("Hello")[0].state()
    item = state["item"]
    assert (state["left"], state["of"]) == (2, 2)
    assert "".join(text for text, _ in item["pieces"]) == QUERY.text
    assert [(text, number) for text, number in item["pieces"] if number is not None] == [
        ("Ann Lee", 0),
        ("Oslo", 1),
        ("ann@lee.example", 2),
    ]
    assert item["proposals"][0] == {"unit": "Ann Lee", "said": "name, by capitals and model", "accepted": False}
    assert item["added"] == []


def test_an_answer_decides_every_proposal_and_finishes_the_query() -> None:
    asked, kept = reviewing("Hello")
    give(asked, [True, False, True], ["a poem", "Annie"])
    assert [decision.what for decision in kept] == ["accept", "reject", "accept", "accept", "accept", "finish"]
    assert asked.review.rows[0].units == ("Ann Lee", "ann@lee.example", "a poem", "Annie")
    assert asked.state()["item"]["pieces"] == [["Hello", None]]
    give(asked, [])
    assert asked.state()["item"] is None
    assert asked.closing() == [
        "2 of 2 queries are reviewed, with 4 units.",
        "End it here, and the command writes the data set.",
    ]


def test_a_query_that_is_taken_back_shows_what_was_said_and_keeps_only_what_changes() -> None:
    asked, kept = reviewing()
    give(asked, [True, False, False], ["a poem", "Annie"])
    assert asked.undo()
    item = asked.state()["item"]
    assert [each["accepted"] for each in item["proposals"]] == [True, False, False]
    assert item["added"] == ["a poem", "Annie"]
    del kept[:]
    give(asked, [True, True, False], ["a poem"])
    assert [(decision.what, decision.text) for decision in kept] == [
        ("accept", None),
        ("open", "Annie"),
        ("finish", None),
    ]
    assert asked.review.rows[0].units == ("Ann Lee", "Oslo", "a poem")


def test_a_piece_that_is_proposed_already_is_accepted_by_being_added() -> None:
    asked, _ = reviewing()
    give(asked, [False, False, False], ["oslo"])
    assert asked.review.rows[0].units == ("Oslo",)


def test_an_answer_to_another_query_is_refused() -> None:
    asked, kept = reviewing("Hello")
    old = asked.state()["item"]["showing"]
    give(asked, [False, False, False])
    del kept[:]
    with pytest.raises(Outdated):
        asked.give({"showing": old, "accepted": [], "added": []})
    assert kept == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"accepted": [True], "added": []}, "expected one yes or no for each of 3 proposals"),
        ({"accepted": [1, 0, 1], "added": []}, "expected one yes or no for each of 3 proposals"),
        ({"added": []}, "expected one yes or no for each of 3 proposals"),
        ({"accepted": [True] * 3, "added": [5]}, "expected at most 500 added units that are texts"),
        ({"accepted": [True] * 3, "added": ["a"] * 501}, "expected at most 500 added units that are texts"),
        ({"accepted": [True] * 3, "added": ["a||b"]}, "Expected a unit without"),
    ],
)
def test_what_is_no_answer_keeps_nothing(data: dict[str, Any], said: str) -> None:
    asked, kept = reviewing()
    with pytest.raises(ValueError, match=said):
        asked.give({"showing": asked.state()["item"]["showing"], **data})
    assert kept == []


def test_proposals_that_overlap_and_signs_that_act_are_shown_whole_and_harmless() -> None:
    text = "see \x1b[2J Ann Lee Smith"
    proposals = (Proposal(9, 16, "", ("capitals",)), Proposal(13, 22, "", ("model",)))
    asked = Reviewing(Review([Query(0, text)], [proposals]), Kept())
    pieces = asked.state()["item"]["pieces"]
    assert "".join(piece for piece, _ in pieces) == text.replace("\x1b", "\\x1b")
    assert [number for _, number in pieces if number is not None] == [0, 1]


def test_nothing_is_asked_where_all_is_reviewed() -> None:
    found = review()
    found.take([found.rows[0].answered(each, True) for each in found.rows[0].proposals])
    found.take([found.rows[0].finish()])
    assert on_page(found, Kept())


def test_a_port_that_is_taken_is_refused_before_anything_is_shown() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"^--port: expected a free port on this machine, got {port}: "):
            on_page(review(), Kept(), port=port)


def test_one_of_five_thousand_queries_is_shown_and_answered_at_once() -> None:
    queries = [Query(at, f"query {at}") for at in range(5000)]
    asked = Reviewing(Review(queries, [()] * 5000), Kept())
    asked.review.take([row.finish() for row in asked.review.rows[:4990]])
    started = time.process_time()
    for _ in range(10):
        give(asked, [])
    assert (time.process_time() - started) / 10 < 0.05
    assert asked.state()["left"] == 0


def test_a_piece_that_is_shown_with_escapes_is_a_unit_as_it_stands_in_the_query() -> None:
    kept = Kept()
    asked = Reviewing(Review([Query(0, "Write\r\nto Ann\u00a0Lee now \u202e")], [()]), kept)
    shown = asked.state()["item"]["pieces"][0][0]
    assert shown == "Write\nto Ann\\xa0Lee now \\u202e"
    give(asked, [], ["Ann\\xa0Lee", "Write\nto", "Not\\xa0there"])
    assert asked.review.rows[0].units == ("Write\r\nto", "Ann\u00a0Lee", "Not\\xa0there")
    assert asked.undo()
    added = asked.state()["item"]["added"]
    assert sorted(added) == ["Ann\\xa0Lee", "Not\\xa0there", "Write\nto"], "nothing in it acts on the page"
    del kept[:]
    give(asked, [], added)
    assert [decision.what for decision in kept] == ["finish"]


def test_taking_back_twice_goes_back_two_queries_and_drops_no_unit() -> None:
    asked, _ = reviewing("Hello")
    give(asked, [True, False, False])
    give(asked, [], ["Annie"])
    assert asked.undo()
    assert asked.undo()
    assert not asked.undo()
    assert asked.state()["left"] == 2
    assert asked.review.rows[1].units == ("Annie",)
