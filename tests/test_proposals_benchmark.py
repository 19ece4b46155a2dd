"""The benchmark of proposed units: what counts as found, and that more rows go on with the same ones."""

from __future__ import annotations

from papillon.annotation.proposals import Proposal
from papillon.data import PupaRow
from tests.benchmarks.proposals import Agreement, agreement, drawn, tabled

ROW = PupaRow("", "job", "I am Ann Lee of Oslo and Bonn.", "t", "ann lee||Oslo University||oslo||Bonn", "")


def test_what_is_found_has_the_same_text_and_what_is_touched_a_part_of_it() -> None:
    found = agreement(ROW, [Proposal(5, 8, "", ()), Proposal(16, 20, "", ()), Proposal(0, 4, "", ())])
    assert found == Agreement(units=3, proposals=3, found=1, right=1, touched=2, touching=2)
    assert found + found == Agreement(6, 6, 2, 2, 4, 4)


def test_a_table_has_a_line_for_each_category_and_for_all() -> None:
    one = Agreement(4, 5, 2, 2, 3, 3)
    lines = tabled({"model": {"job": one, "health": Agreement()}})
    assert [line.split()[:3] for line in lines[1:]] == [
        ["model", "health", "0"],
        ["model", "job", "4"],
        ["model", "all", "4"],
    ]
    assert "0.500" in lines[2]
    assert "0.400" in lines[2]


def test_more_rows_go_on_with_the_same_ones() -> None:
    rows = [PupaRow("", "job", f"query {number % 8}", "t", "", "") for number in range(16)]
    assert len(drawn(rows, 99)) == 8
    assert drawn(rows, 5) == drawn(rows, 8)[:5]
