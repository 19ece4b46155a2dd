"""A cause is told in full once, and then shortly with a word on who was told."""

from __future__ import annotations

import pytest

from evals.harness.causes import Told, again, go_on
from papillon.profile import RecordMode

CAUSE = "Model local cannot be reached (Connection refused)."


def test_the_second_is_told_who_was_the_first() -> None:
    told = Told()
    assert told.once(CAUSE, [CAUSE], "dev-0000") == CAUSE
    assert told.once(CAUSE, [CAUSE], "dev-0001") == "the same cause as dev-0000"


def test_who_asks_again_is_told_the_same_again() -> None:
    told = Told()
    for _ in range(3):
        assert told.once(CAUSE, [CAUSE], "dev-0000") == CAUSE


def test_another_cause_is_told_in_full() -> None:
    told = Told()
    told.once(CAUSE, [CAUSE], "dev-0000")
    assert told.once("The budget is spent.", ["The budget is spent."], "dev-0001") == "The budget is spent."


def test_within_a_longer_text_only_the_cause_is_put_shortly() -> None:
    told = Told({CAUSE: "the rows below"})
    text = f"expected overall 0, but 3 of 3 have no score ({CAUSE}): run again"
    assert told.once(text, [CAUSE], "dev-empty") == (
        "expected overall 0, but 3 of 3 have no score (the same cause as the rows below): run again"
    )


@pytest.mark.parametrize(
    ("record", "stopped", "unscored"),
    [
        ("new", "run the same command again", "run the same command again to go on: what is recorded is replayed"),
        # What every call is made anew for would be paid for twice, and a strict replay never makes what it lacks.
        ("all", "run with --eval-record new", "run with --eval-record new to go on: what is recorded is replayed"),
        (
            "none",
            "run the same command again",
            "a strict replay makes no call: run with --eval-record new to go on",
        ),
    ],
)
def test_how_to_go_on_depends_on_what_the_same_command_would_do(
    record: RecordMode, stopped: str, unscored: str
) -> None:
    assert (again(record), go_on(record)) == (stopped, unscored)
