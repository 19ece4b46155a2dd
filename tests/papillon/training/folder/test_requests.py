"""What is told of a training's requests: their kinds and lengths, of its first rounds and its last."""

from __future__ import annotations

from papillon.training.folder.requests import Requests, first_and_last


def line(number: int, **requests: int) -> dict[str, object]:
    return {"round": number, "requests": Requests(**requests).to_json()}


def test_kinds_that_no_request_is_of_are_not_told() -> None:
    assert str(Requests()) == "no requests"
    assert str(Requests(seen=4, words=50)) == "requests of 12 words"
    assert str(Requests(seen=4, empty=1, prompt=2, query=3, words=8)) == (
        "requests of 2 words, 1/4 empty, 2/4 copied from the prompt, 3/4 with the whole query"
    )


def test_the_first_and_the_last_tenth_of_the_rounds_are_held_against_each_other() -> None:
    rounds = [line(number, seen=2, empty=int(number > 18), words=20 - number) for number in range(1, 21)]
    assert first_and_last(rounds) == (
        "requests of 9 words in rounds 1 to 2; requests of 0 words, 2/4 empty in rounds 19 to 20"
    )


def test_rounds_of_several_lines_or_without_requests_count_as_what_they_are() -> None:
    lines = [line(1, seen=1, words=3), line(1), line(2, seen=3, words=9), {"round": 3}]
    assert first_and_last(lines) == "requests of 3 words in round 1; requests of 3 words in round 2"
    assert first_and_last(lines[:2]) == "requests of 3 words in round 1"
    assert first_and_last([{"round": 1}]) is None
