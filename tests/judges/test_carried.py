"""How much of a task was sent: 0 for silence, 1 for the gold redaction, and never less for more."""

from __future__ import annotations

import os
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.carried import carried
from papillon.data import load
from papillon.leaks import fold, redact, words

TEXTS = st.text(alphabet="abé 1.,_李小明ก\u0301[]<>［\n", max_size=40)
SPACELESS = st.text(alphabet="李小明上海花ก", max_size=12)


def test_a_words_share_is_by_its_letters() -> None:
    assert carried("river basin", "the river") == pytest.approx(5 / 10)


def test_a_word_counts_as_often_as_both_hold_it() -> None:
    assert carried("tea and tea", "tea") == pytest.approx(3 / 9)
    assert carried("tea", "tea tea tea") == 1.0


@pytest.mark.parametrize("masked", ["[NAME]", "<NAME>", "[[NAME] of <CITY>]", "<the [NAME]>", "［NAME］"])
def test_what_stands_in_brackets_is_no_part_of_the_task(masked: str) -> None:
    assert carried(f"Write to {masked} today", "write to today") == 1.0
    assert carried(f"Write to {masked} today", "name, city") == 0.0


def test_a_bracket_without_a_partner_hides_nothing() -> None:
    assert carried("a < b and [c", "a b and c") == 1.0
    assert carried("1] first 2] second", "first") == pytest.approx(5 / 13)


def test_case_width_and_punctuation_make_no_difference() -> None:
    assert carried("Write: a POEM!", "ｗｒｉｔｅ　a poem") == 1.0


def test_scripts_without_spaces_count_in_pairs_so_that_order_matters() -> None:
    assert carried("上海花园", "海上园花") == 0.0
    assert carried("上海花园", "去上海吧") == pytest.approx(2 / 6)
    assert carried("给[姓名]写信", "给小明写信") == 1.0


def test_without_words_of_the_task_there_is_nothing_to_carry() -> None:
    assert [carried(text, "anything") for text in ("", "  ", "[NAME]", "…!", "<a> [b]")] == [None] * 5


@given(TEXTS)
def test_nothing_carries_nothing(redacted: str) -> None:
    assert carried(redacted, "") in (0.0, None)


@given(TEXTS, TEXTS)
def test_carried_is_within_0_and_1_and_there_where_the_task_has_words(redacted: str, sent: str) -> None:
    share = carried(redacted, sent)
    if "[" in fold(redacted) or "<" in redacted:
        assert share is None or 0 <= share <= 1
    else:
        assert (share is None) == (not words(fold(redacted)))
        assert share is None or 0 <= share <= 1


@given(TEXTS, TEXTS, TEXTS)
def test_a_request_that_holds_the_redacted_query_carries_all(redacted: str, before: str, after: str) -> None:
    assert carried(redacted, f"{before}\n{redacted}\n{after}") in (1.0, None)


@given(TEXTS, TEXTS, TEXTS)
def test_a_further_request_never_carries_less(redacted: str, sent: str, more: str) -> None:
    assert (carried(redacted, f"{sent}\n\n{more}") or 0.0) >= (carried(redacted, sent) or 0.0)


@given(SPACELESS, SPACELESS, SPACELESS, SPACELESS)
def test_in_a_script_without_spaces_any_sign_more_never_carries_less(
    redacted: str, sent: str, before: str, after: str
) -> None:
    assert (carried(redacted, before + sent + after) or 0.0) >= (carried(redacted, sent) or 0.0)


def test_long_texts_and_many_brackets_take_no_time() -> None:
    for text in ("word " * 40_000, "[" * 200_000, "[x] " * 50_000, "<[" * 50_000 + "]>" * 50_000, "上海" * 50_000):
        started = time.perf_counter()
        carried(text, text)
        assert time.perf_counter() - started < 10


def means(name: str) -> dict[str, float]:
    """What each control that needs no model carries of a data set, and what the next row's query does."""
    rows = load(name).rows
    sent = {
        "empty": ["" for _ in rows],
        "verbatim": [row.user_query for row in rows],
        "redacted": [redact(row.units, row.user_query) for row in rows],
        "gold": [row.redacted_query for row in rows],
        "another": [row.user_query for row in (*rows[1:], rows[0])],
    }
    shares = {
        kind: [
            share
            for row, text in zip(rows, texts, strict=True)
            if (share := carried(row.redacted_query, text)) is not None
        ]
        for kind, texts in sent.items()
    }
    assert {len(each) for each in shares.values()} == {{"pupa_new": 662, "pupa_tnb": 236, "mini": 60}[name]}
    return {kind: round(statistics.fmean(each), 3) for kind, each in shares.items()}


def test_what_the_controls_carry_on_mini() -> None:
    assert means("mini") == {"empty": 0, "verbatim": 0.999, "redacted": 0.999, "gold": 1, "another": 0.046}


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("PUPA_DIR"), reason="set PUPA_DIR to the folder that holds PUPA_New.csv to run this test"
)
def test_what_the_controls_carry_on_real_rows() -> None:
    expected = {
        "pupa_new": {"empty": 0, "verbatim": 0.989, "redacted": 0.987, "gold": 1, "another": 0.069},
        "pupa_tnb": {"empty": 0, "verbatim": 0.997, "redacted": 0.996, "gold": 1, "another": 0.107},
    }
    assert {name: means(name) for name in expected} == expected
