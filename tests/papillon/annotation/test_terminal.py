"""The review by lines: each answer is kept at once, nothing passes unanswered, and the end of input stops."""

from __future__ import annotations

from collections.abc import Sequence

from papillon.annotation.review import Decision
from papillon.annotation.terminal import HELP, review_at_terminal
from tests.papillon.annotation.samples import PROPOSED, review


class Typed:
    """A person who types these lines, and what was seen and kept meanwhile."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.kept, self.seen = list(lines), list[Decision](), list[str]()

    def read(self, question: str) -> str | None:
        self.seen.append(question)
        return f"{self.lines.pop(0)}\n" if self.lines else None

    def keep(self, decisions: Sequence[Decision]) -> list[Decision]:
        self.kept += decisions
        return list(decisions)


def reviewed(*lines: str, more: tuple[str, ...] = ()) -> tuple[Typed, tuple[str, ...], bool]:
    found, typed = review(*more), Typed(*lines)
    complete = review_at_terminal(found, typed.keep, typed.read, typed.seen.append)
    return typed, found.rows[0].units, complete


def test_each_proposal_is_asked_about_with_what_it_is_and_who_proposed_it() -> None:
    typed, units, complete = reviewed("y", "n", "y", "")
    assert complete
    assert units == ("Ann Lee", "ann@lee.example")
    assert [decision.what for decision in typed.kept] == ["accept", "reject", "accept", "finish"]
    assert typed.seen[0] == f"This shows private texts. {HELP}"
    assert "I am >>Ann Lee<< of >>Oslo<<, >>ann@lee.example<<." in typed.seen[2]
    assert typed.seen[4] == "3 open. Private? Ann Lee (name, by capitals and model) [y n a r + u s q]: "
    assert typed.seen[-2] == "Units: Ann Lee, ann@lee.example. Enter finishes this query (+ TEXT, u, s, q): "


def test_all_that_are_open_are_accepted_or_rejected_at_once() -> None:
    assert reviewed("n", "a", "")[1] == ("Oslo", "ann@lee.example")
    assert reviewed("y", "r", "")[1] == ("Ann Lee",)


def test_a_unit_is_added_from_the_query_or_as_the_person_writes_it() -> None:
    typed, units, _ = reviewed("+ a poem", "+Annie", "+ a||b", "r", "")
    assert units == ("a poem", "Annie")
    assert typed.kept[0].text is None
    assert typed.kept[1].text == "Annie"
    assert any(said.startswith("Expected a unit without ||") for said in typed.seen)


def test_an_answer_is_taken_back() -> None:
    typed, units, complete = reviewed("y", "u", "n", "u", "y", "r", "")
    assert complete
    assert units == ("Ann Lee",)
    assert [decision.what for decision in typed.kept][:4] == ["accept", "open", "reject", "open"]


def test_an_undo_goes_back_into_the_query_before() -> None:
    typed, _, complete = reviewed("r", "", "u", "", "", more=("Hello.",))
    assert complete
    assert [decision.what for decision in typed.kept][-3:] == ["reopen", "finish", "finish"]
    assert sum("Query 1 of 2" in said for said in typed.seen) == 2


def test_the_answer_that_finished_the_last_query_is_taken_back_too() -> None:
    typed, units, complete = reviewed("r", "", "maybe", "u", "+ Annie", "", "")
    assert (units, complete) == (("Annie",), True)
    assert typed.seen.count("All queries are reviewed: Enter ends, u takes back: ") == 3
    assert not reviewed("r", "", "u", "q")[2]


def test_a_review_that_was_finished_before_asks_nothing() -> None:
    found = review("Hello.")
    found.take([row.finish([row.answered(each, True) for each in row.proposals]) for row in found.rows])
    typed = Typed()
    assert review_at_terminal(found, typed.keep, typed.read, typed.seen.append)
    assert not any("reviewed" in said for said in typed.seen)


def test_enter_alone_answers_nothing() -> None:
    typed, _, complete = reviewed("", "maybe")
    assert (typed.kept, complete) == ([], False)
    assert typed.seen.count(HELP) == 2


def test_q_and_the_end_of_input_stop_and_keep_what_was_answered() -> None:
    for lines in (("y", "q"), ("y",)):
        typed, _, complete = reviewed(*lines)
        assert not complete
        assert [decision.about for decision in typed.kept] == [(PROPOSED[0].start, PROPOSED[0].end, None)]


def test_the_query_is_shown_once_and_again_where_that_is_asked() -> None:
    typed, _, _ = reviewed("y", "s", "a", "")
    assert sum("Query 1 of 1" in said for said in typed.seen) == 2


def test_nothing_in_a_query_acts_on_the_terminal() -> None:
    typed, _, _ = reviewed("r", "", "", more=("\x1b[2J hello",))
    assert not any("\x1b" in said for said in typed.seen)
