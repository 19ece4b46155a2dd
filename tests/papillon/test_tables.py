"""One writer for tables: aligned by what signs take on a terminal, and never wider than the window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.tables import Column, cut, table, width_of

COLUMNS = (Column("name"), Column("value", "v.", right=True), Column("interval", may_go=True), Column("verdict"))
ROWS = [("dev-quality", "0.950", "0.750 … 0.990", "PASS"), ("dev-leak", "–", "–", "INCONCLUSIVE")]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(COLUMNS, ROWS, 80) == [
        "name         value  interval       verdict",
        "dev-quality  0.950  0.750 … 0.990  PASS",
        "dev-leak         –  –              INCONCLUSIVE",
    ]


def test_a_narrow_window_costs_what_may_go_then_space_and_then_the_line() -> None:
    assert table(COLUMNS, ROWS, 40)[0] == "name         value  verdict"
    assert table(COLUMNS, ROWS, 30)[0] == "name           v. verdict"
    assert table(COLUMNS, ROWS, 25) == [
        "name",
        "  value  verdict",
        "dev-quality",
        "  0.950  PASS",
        "dev-leak",
        "      –  INCONCLUSIVE",
    ]
    assert table(COLUMNS, ROWS[:1], 13) == ["name", "  value", "  verdict", "dev-quality", "  0.950", "  PASS"]


def test_a_wide_cell_below_empty_ones_has_a_line_of_its_own() -> None:
    columns = (Column("a"), Column("b"), Column("c"))
    rows = [("one", "", "x" * 18), ("two", "y" * 12, "")]
    assert table(columns, rows, 20) == ["a", "  b", "  c", "one", "  " + "x" * 18, "two", "  " + "y" * 12]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("می\u200cخواهم", 7),
        ("👩\u200d💻", 2),
        ("👩🏽\u200d💻!", 3),
        ("👨\u200d👩\u200d👧", 2),
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("❤\ufe0e", 1),
        ("1\ufe0f\u20e3", 2),
        ("葛\U000e0100", 2),
        ("👍🏽", 2),
        ("👩💻", 4),
    ],
    ids=ascii,
)
def test_signs_that_are_joined_take_the_columns_of_one(text: str, columns: int) -> None:
    assert width_of(text) == columns
    assert cut(text, columns) == text


def test_a_joined_sign_is_cut_off_whole() -> None:
    assert cut("a👩\u200d💻bc", 4) == "a👩\u200d💻…"
    assert cut("a👩\u200d💻bc", 3) == "a…"


def test_wide_signs_take_two_columns_and_marks_none() -> None:
    assert [width_of(text) for text in ("ab", "日本", "e\u0301", "…")] == [2, 4, 1, 1]
    lines = table((Column("a"), Column("b")), [("日本", "x"), ("e\u0301", "x"), ("abc", "x")], 60)
    assert [width_of(line[: line.index("x")]) for line in lines[1:]] == [6, 6, 6]


def test_a_cut_text_fits_and_says_that_it_was_cut() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abc…"
    assert cut("日本語", 4) == "日…"


def test_without_heads_the_rows_stand_alone() -> None:
    assert table(COLUMNS, ROWS[:1], 80, heads=False) == ["dev-quality  0.950  0.750 … 0.990  PASS"]


# Short is what fits a window of 60 columns below the first cell, wide signs included.
CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=28)


@given(
    st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.lists(CELLS, min_size=n, max_size=n)))),
    st.sampled_from([60, 80, 200]),
    st.integers(0, 31),
)
def test_no_line_is_wider_than_the_window_and_no_short_cell_is_lost(
    shape: tuple[int, list[list[str]]], width: int, right: int
) -> None:
    number, rows = shape
    columns = [Column(f"c{i}", right=bool(right >> i & 1)) for i in range(number)]
    lines = table(columns, rows, width)
    assert all(width_of(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(cell.rstrip() in text for row in rows for cell in row)


@pytest.mark.parametrize("width", [1, 5, 59])
def test_even_a_window_too_narrow_for_any_cell_is_kept_to(width: int) -> None:
    assert max(map(width_of, table(COLUMNS, ROWS, width))) <= width
