"""Marked: the pieces are the text, whatever the places; what is marked is what leaked, stands there, or differs."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.reports.marked import Piece, differences, marked, marked_query, marked_requests
from papillon.leaks import Place
from papillon.results.traces import LeakedUnit
from tests.papillon.results.test_traces import TRACE

#: Letters, marks on them, scripts without spaces, white space, halves of surrogate pairs, a joiner.
texts = st.text(st.sampled_from("ab ,.\n\u0301\u200d語文ü\ud800👩٠א"), max_size=30) | st.text(max_size=20)
places = st.lists(
    st.builds(LeakedUnit, st.sampled_from(["a", "b"]), st.just(0), start=st.integers(-3, 40), end=st.integers(-3, 40)),
    max_size=6,
)


def joined(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)


def shown(pieces: tuple[Piece, ...]) -> str:
    """Each piece that is marked in brackets, with a letter for how."""
    signs = {"verbatim": "v", "near": "n", "only": ""}
    return "".join(piece.text if piece.kind == "plain" else f"[{signs[piece.kind]}{piece.text}]" for piece in pieces)


@given(texts, places)
def test_pieces_of_any_places_are_the_text(text: str, of: list[LeakedUnit]) -> None:
    pieces = marked(text, of)
    assert joined(pieces) == text
    assert all(piece.text and (piece.kind == "plain") == (not piece.units) for piece in pieces)
    inside = {at for place in of for at in range(max(0, place.start), min(place.end, len(text)))}
    covered = sum(len(piece.text) for piece in pieces if piece.units)
    assert covered >= len(inside)


@given(texts, texts)
def test_pieces_of_two_texts_are_these_and_what_both_have_is_the_same(one: str, other: str) -> None:
    ours, theirs = differences(one, other)
    assert (joined(ours), joined(theirs)) == (one, other)
    plain = [joined(tuple(piece for piece in side if piece.kind == "plain")) for side in (ours, theirs)]
    same = ["".join(unicodedata.normalize("NFD", text).split()) for text in plain]
    assert same[0] == same[1]


@given(texts)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert differences(text, text) == ((Piece(text),) if text else (),) * 2


@given(texts, st.lists(texts, max_size=3))
def test_a_query_is_whole_whatever_its_units(query: str, units: list[str]) -> None:
    pieces, nowhere = marked_query(query, units)
    assert joined(pieces) == query
    assert {*nowhere} | {unit for piece in pieces for unit in piece.units} == {*units}


def test_the_places_of_units_and_those_that_stand_nowhere() -> None:
    pieces, nowhere = marked_query("Dear Ann Lee, Ann from Trondhem", ["Ann Lee", "Ann", "Trondheim", "Bergen"])
    assert shown(pieces) == "Dear [vAnn][v Lee], [vAnn] from [nTrondhem]"
    assert pieces[1].units == ("Ann Lee", "Ann")
    assert nowhere == ("Bergen",)


def test_of_a_place_that_is_both_verbatim_counts() -> None:
    of = [LeakedUnit("x", 0, "near", 0, 6), LeakedUnit("y", 0, "verbatim", 2, 4)]
    assert shown(marked("abcdef", of)) == "[nab][vcd][nef]"


@pytest.mark.parametrize(
    ("start", "end", "said"), [(-5, 2, "[vab]c"), (2, 99, "ab[vc]"), (7, 9, "abc"), (2, 1, "abc"), (-9, -1, "abc")]
)
def test_a_position_beyond_the_text_is_clipped(start: int, end: int, said: str) -> None:
    assert shown(marked("abc", [LeakedUnit("u", 0, "verbatim", start, end)])) == said


def test_a_mark_stays_with_its_base() -> None:
    assert shown(marked("re\u0301e", [LeakedUnit("u", 0, "near", 0, 2)])) == "[nre\u0301]e"
    assert shown(marked("re\u0301e", [LeakedUnit("u", 0, "near", 2, 4)])) == "r[ne\u0301e]"


def test_each_request_has_its_own_leaks() -> None:
    trace = replace(TRACE, requests=("In Oslo?", "Oslo"), leaked_units=(LeakedUnit("Oslo", 0, "verbatim", 3, 7),))
    assert [shown(pieces) for pieces in marked_requests(trace)] == ["In [vOslo]?", "Oslo"]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("Meet me on Monday.", "Meet us on Friday!", ("Meet [me] on [Monday.]", "Meet [us] on [Friday!]")),
        ("the old red car", "the car", ("the [old red] car", "the car")),
        ("a  b\nc", "a b c", ("a  b\nc", "a b c")),
        ("", "all of it", ("", "[all of it]")),
        ("私は東京にいる", "私は大阪にいる", ("私は[東京]にいる", "私は[大阪]にいる")),
        ("cafe\u0301 au lait", "cafe au lait", ("[cafe\u0301] au lait", "[cafe] au lait")),
        ("the new cafe\u0301", "the old caf\u00e9", ("the [new] cafe\u0301", "the [old] caf\u00e9")),
        ("שלום עולם", "שלום חבר", ("שלום [עולם]", "שלום [חבר]")),
    ],
)
def test_two_texts_differ_in_words(one: str, other: str, said: tuple[str, str]) -> None:
    ours, theirs = differences(one, other)
    assert (shown(ours), shown(theirs)) == said


@pytest.mark.parametrize("word", ["word{} ", "the of{} ", "{}語", "x{}\n"])
def test_texts_of_a_hundred_thousand_signs_are_compared_soon(word: str) -> None:
    one = "".join(word.format(number % 97) for number in range(100_000 // len(word)))
    other = one[::2] + one[: len(one) // 2]
    begun = time.process_time()
    differences(one, other)
    marked_query(one, ["word3", "nowhere to be found"])
    assert time.process_time() - begun < 5


def test_a_word_with_a_joiner_and_emoji_that_are_joined_differ_whole() -> None:
    ours, theirs = differences("او می\u200cخواهم 👩\u200d💻", "او می\u200cروم 👩\u200d🔬")
    assert [piece.text for piece in ours if piece.kind == "only"] == ["می\u200cخواهم 👩\u200d💻"]
    assert [piece.text for piece in theirs if piece.kind == "only"] == ["می\u200cروم 👩\u200d🔬"]


def test_a_place_takes_emoji_that_are_joined_whole() -> None:
    text = "a👩🏽\u200d💻b"
    assert [piece.text for piece in marked(text, [Place("x", "verbatim", 4, 5)])] == ["a", "👩🏽\u200d💻", "b"]
