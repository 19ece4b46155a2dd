"""Lines: marked texts in any window: nothing is lost, nothing acts on the terminal, and the marks are seen."""

from __future__ import annotations

import re
import time
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.reports.lines import MARKS, Lines, isolated
from evals.harness.reports.marked import Piece, joins
from papillon.screen import visible
from papillon.tables import width_of

PIECES = (
    Piece("I am "),
    Piece("Ann Lee", "verbatim", ("Ann Lee",)),
    Piece(" from "),
    Piece("Osslo", "near", ("Oslo",)),
    Piece(", "),
    Piece("hello", "only"),
)
kinds = st.sampled_from(["plain", "verbatim", "near", "only"])
signs = st.sampled_from("ab .\n\t\x1b\u0301\u200d\u200c\ufe0f語ü👩🏽💻אمक्\u202e")
texts = st.text(signs, min_size=1, max_size=30) | st.text(min_size=1)
many = st.lists(st.builds(Piece, texts, kinds), max_size=5)


def bare(line: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m|[\u2068\u2069]", "", line)


@given(many, st.integers(20, 90), st.booleans())
def test_it_fits_and_nothing_of_it_is_lost_or_acts(pieces: list[Piece], width: int, colours: bool) -> None:
    found = Lines(width, colours).text(pieces)
    # A mark that takes a column of its own stays with its base.
    assert all(width_of(bare(line)) <= width + sum(map(joins, line)) for line in found)
    shown = "".join(visible(piece.text) for piece in pieces)
    marks = "" if colours else "".join(MARKS)
    assert _letters("".join(map(bare, found)), marks) == _letters(shown, marks)
    assert all("\x1b" not in bare(line) for line in found)


def _letters(text: str, without: str) -> str:
    return "".join(sign for sign in text if not sign.isspace() and sign not in without)


def test_without_colours_the_marks_are_signs_which_are_explained() -> None:
    assert Lines(60).text(PIECES) == ["  I am ⟦Ann Lee⟧ from ⦅Osslo⦆, ⦃hello⦄"]
    assert Lines(80).legend == ["Marked: ⟦word for word⟧, ⦅nearly⦆, ⦃in one of the two alone⦄."]


def test_with_colours_each_kind_has_its_own_to_the_end_of_its_line() -> None:
    (line,) = Lines(60, colours=True).text(PIECES)
    assert line == "  I am \x1b[1;31mAnn Lee\x1b[0m from \x1b[4;33mOsslo\x1b[0m, \x1b[36mhello\x1b[0m"
    wrapped = Lines(20, colours=True).text([Piece("a word " * 6, "only")])
    assert len(wrapped) > 1
    assert all(line.startswith("  \x1b[36m") and line.endswith("\x1b[0m") for line in wrapped)


def test_no_text_can_look_marked() -> None:
    forged = "⟦Ann⟧ ⦅Ann⦆ ⦃Ann⦄ and 〚Ann〛 ｟Ann｠"
    (line,) = Lines(200).text([Piece(forged), Piece("⟧", "verbatim")])
    assert line == (r"  \u27e6Ann\u27e7 \u2985Ann\u2986 \u2983Ann\u2984 and \u301aAnn\u301b \uff5fAnn\uff60⟦\u27e7⟧")
    (line,) = Lines(200, colours=True).said(forged)
    assert line == f"  {forged}"


@given(many)
def test_every_sign_of_a_mark_is_the_views_own(pieces: list[Piece]) -> None:
    text = "".join(Lines(60).text([Piece("".join(MARKS)), *pieces]))
    runs = [kind for kind, _ in groupby(piece.kind for piece in pieces)]
    for kind, around in (("verbatim", "⟦⟧"), ("near", "⦅⦆"), ("only", "⦃⦄")):
        assert [text.count(sign) for sign in around] == [runs.count(kind)] * 2


def test_neighbours_of_one_kind_share_their_signs() -> None:
    assert Lines(60).text([Piece("Ann", "verbatim"), Piece(" Lee", "verbatim")]) == ["  ⟦Ann Lee⟧"]


def test_it_is_wrapped_at_spaces_and_its_own_line_ends_stay() -> None:
    assert Lines(20).said("one two three four five\n\n  six") == ["  one two three four", "  five", "", "    six"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("語" * 12, ["  " + "語" * 9, "  " + "語" * 3]),
        ("e\u0301" * 20, ["  " + "e\u0301" * 18, "  " + "e\u0301" * 2]),
        ("a" * 20, ["  " + "a" * 18, "  aa"]),
        ("👩\u200d💻" * 10, ["  " + "👩\u200d💻" * 9, "  👩\u200d💻"]),
        ("क्\u200d" * 20, ["  " + "क्\u200d" * 18, "  " + "क्\u200d" * 2]),
        # A vowel sign that takes a column of its own.
        ("क" + "का" * 9, ["  क" + "का" * 8, "  का"]),
    ],
)
def test_a_word_that_is_too_long_is_cut_between_signs_and_a_mark_stays_with_its_base(
    text: str, lines: list[str]
) -> None:
    assert Lines(20).said(text) == lines


def test_a_line_from_right_to_left_is_isolated_with_its_marks_inside() -> None:
    pieces = [Piece("שמי "), Piece("דוד כהן", "verbatim")]
    assert Lines(60).text(pieces) == ["  \u2068שמי ⟦דוד כהן⟧\u2069"]
    assert isolated("Ann") == "Ann"


def test_two_texts_stand_side_by_side_where_there_is_room_and_else_below_each_other() -> None:
    left, right = [Piece("one "), Piece("two", "only")], [Piece("one\nmore")]
    wide = Lines(120).beside(left, right, ("Answer", "Target"))
    assert [re.sub(" +", " ", line) for line in wide] == ["", "Answer │ Target", " one ⦃two⦄ │ one", " │ more"]
    assert len({line.index("│") for line in wide[1:]}) == 1
    narrow = Lines(60).beside(left, right, ("Answer", "Target"))
    assert narrow == ["", "Answer", "  one ⦃two⦄", "", "Target", "  one", "  more"]


def test_however_much_space_it_fits() -> None:
    pieces = [Piece(" " * 15), Piece(" " * 15, "only"), Piece("x" * 15), Piece(" " * 40), Piece("y" * 30)]
    assert all(width_of(line) <= 22 for colours in (True, False) for line in map(bare, Lines(22, colours).text(pieces)))


@given(many, many, st.booleans())
def test_side_by_side_fits_too(left: list[Piece], right: list[Piece], colours: bool) -> None:
    for line in Lines(130, colours).beside(left, right, ("Answer", "Target")):
        assert width_of(bare(line)) <= 130 + sum(map(joins, line))


@pytest.mark.parametrize("text", ["a word and " * 9000, "語" * 100_000, "x" * 100_000, "שלום " * 20_000])
def test_a_hundred_thousand_signs_are_laid_out_soon(text: str) -> None:
    begun = time.process_time()
    Lines(60).said(text)
    assert time.process_time() - begun < 5
