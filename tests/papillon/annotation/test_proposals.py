"""Proposals: each unit once, where it stands first, with all who proposed it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from papillon.annotation.proposals import Proposal, joinable, place_of_unit, together
from papillon.data import pii_units


def test_a_unit_that_several_propose_is_one_proposal_at_its_first_place() -> None:
    query = "Ann Lee, and again ann lee in Oslo"
    found = together(
        query,
        [
            Proposal(19, 26, "", ("model",)),
            Proposal(0, 7, "name", ("capitals",)),
            Proposal(30, 34, "", ("model",)),
            Proposal(30, 34, "word with a capital", ("capitals",)),
        ],
    )
    assert found == (
        Proposal(0, 7, "name", ("capitals", "model")),
        Proposal(30, 34, "word with a capital", ("model", "capitals")),
    )
    assert [each.of(query) for each in found] == ["Ann Lee", "Oslo"]


def test_what_could_not_be_joined_is_no_proposal() -> None:
    query = "see a||b and |c"
    assert together(query, [Proposal(4, 8, "", ("form",)), Proposal(13, 15, "", ("form",))]) == ()


def test_a_unit_stands_where_leaks_are_found_and_nowhere_else() -> None:
    assert place_of_unit(" ann  LEE ", "I am Ann Lee.") == (5, 12)
    assert place_of_unit("Ann", "Annabel") is None
    assert place_of_unit(" ", "a b") is None


@given(st.lists(st.text(alphabet="ab| ", max_size=5)))
def test_what_is_joinable_comes_back_from_a_cell(units: list[str]) -> None:
    kept = list(dict.fromkeys(unit.strip() for unit in units if joinable(unit.strip())))
    assert list(pii_units("||".join(kept))) == kept
