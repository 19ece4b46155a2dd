"""Figures as people read them."""

from __future__ import annotations

from papillon.results.judging import Measure
from papillon.results.words import between, could_not_see, could_see, first_of, number


def test_no_gate_says_that_it_sees_more_than_there_is() -> None:
    assert could_see(0.05) == "the smallest difference it could have seen is 5.0 points"
    assert could_see(1.2) == "it could not have seen a difference of 100 points"
    assert could_not_see(1.2) == "a worsening under 100.0 points could not have been seen"


def test_a_figure_that_is_not_there_is_a_dash() -> None:
    assert (number(None), number(0.12345)) == ("–", "0.123")
    assert between(Measure(None)) == "–"
    assert between(Measure(0.25, n=4)) == "0.250"
    assert between(Measure(0.5, 0.25, 0.75, 4)) == "0.500 (0.250 to 0.750)"


def test_the_first_names_stand_for_a_long_list() -> None:
    assert first_of(["a", "b", "c"], 2) == ["a", "b", "1 more"]
    assert first_of(["a", "b"], 2) == ["a", "b"]
