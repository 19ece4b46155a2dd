"""Units that were joined by something else than ``||`` are told from units that stand nowhere for other reasons."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.data import PupaRow, load
from papillon.leaks import verbatim
from papillon.units import UnitsCheck, check_units, joined_by

SIGNS = (", ", ",", "|", " | ", "; ", " / ", "/", "、", "，", "；", "｜", "، ", " • ")
JOINS = {join: repr(join.strip()) for join in SIGNS} | {"\t": "a tab", "\n": "a line end", "\r\n": "a line end"}
#: How lists are written that are none of JSON.
WRITTEN = ["[Ann Lee, Oslo, Bob]", "'Ann Lee', 'Oslo', 'Bob'", "{Ann Lee; Oslo; Bob}", "(“Ann Lee”, “Oslo”, “Bob”)"]


def row(units: str, query: str = "I am Ann Lee of Oslo, write to Bob.") -> PupaRow:
    return PupaRow("", "", query, "a target", units, "")


def check(*units: str) -> UnitsCheck:
    return check_units((f"dev-{n:04d}", row(each)) for n, each in enumerate(units))


@pytest.mark.parametrize(("join", "shown"), JOINS.items(), ids=repr)
def test_a_list_whose_pieces_stand_in_the_query_names_what_joins_them(join: str, shown: str) -> None:
    assert joined_by(join.join(("ann lee", "OSLO", "Bob")), row("").user_query) == shown


@pytest.mark.parametrize("text", WRITTEN)
def test_brackets_and_quotation_marks_around_a_list_and_its_entries_do_not_hide_it(text: str) -> None:
    assert joined_by(text, row("").user_query) in ("','", "';'")


@pytest.mark.parametrize(
    "unit",
    ["Ann Leeson", "Ann Lee, Bergen", "Ann Lee,", "Ann Lee - Oslo", ",;|", "[]", "[Ann, Bergen]", "[Oslo]", "1/2"],
)
def test_a_unit_that_is_only_absent_is_not_joined(unit: str) -> None:
    assert joined_by(unit, f"{row('').user_query} 2 of 1.") == ""


def test_what_is_odd_is_counted_by_row() -> None:
    found = check("Ann Lee||Oslo", "", "|| ||", "Ann Lee, Bob", "Eve||Oslo||Bergen||Bob")
    assert found == UnitsCheck(5, 2, {"dev-0003": "','"}, {"dev-0004": 2}, 4, 0.1)
    assert found.joining == "the units of 1 of 5 rows (first dev-0003) are joined by ',' where '||' is expected"
    assert check("Oslo").joining == ""


def test_a_unit_that_holds_a_separator_and_stands_there_is_one_unit() -> None:
    assert check("Oslo, write||of Oslo").joined == {}


@pytest.mark.parametrize("name", ["mini", "pupa_new", "pupa_tnb"])
def test_data_as_they_are_pass_and_rewritten_with_any_other_separator_are_caught(name: str) -> None:
    if name != "mini" and not os.environ.get("PUPA_DIR"):
        pytest.skip("set PUPA_DIR to the folder that holds PUPA_New.csv and PUPA_TNB.csv to run this test")
    rows = load(name).rows

    def joined(rewritten: list[PupaRow]) -> float:
        return len(check_units((str(n), each) for n, each in enumerate(rewritten)).joined) / len(rows)

    assert joined(list(rows)) <= 0.025
    assert check_units((str(n), each) for n, each in enumerate(rows)).unseen < 0.10
    for join in JOINS:
        assert joined([replace(each, pii_units=join.join(each.units)) for each in rows]) > 0.35


_SIGNS = "ab,1 \u0301ßＡİ\u200b李"


@given(st.lists(st.text(_SIGNS, min_size=1, max_size=4).filter(str.strip), max_size=4), st.text(_SIGNS))
def test_the_quick_search_finds_nothing_that_the_full_one_does_not(units: list[str], query: str) -> None:
    each = row("||".join(units), query)
    absent = [unit for unit, stands in zip(each.units, verbatim(each.units, query), strict=True) if not stands]
    found = check_units([("r", each)])
    assert sum(found.absent.values()) == sum(not joined_by(unit, query) for unit in absent)
