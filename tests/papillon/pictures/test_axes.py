"""Where a value lies, and which numbers stand beside it."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.pictures.axes import Axis, Frame, around
from papillon.pictures.elements import SIZE
from tests.papillon.pictures.drawn import SVG


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_numbers_are_round_within_the_axis_and_few(low: float, length: float, most: int) -> None:
    written = Axis(low, low + length).written(most)
    assert len(written) <= most + 1
    assert all(low - length * 1e-6 <= value <= low + length * (1 + 1e-6) for value, _ in written)
    assert len({words for _, words in written}) == len(written)


def test_places_are_as_many_as_the_step_needs() -> None:
    assert [words for _, words in Axis(0, 1).written(6)] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [words for _, words in Axis(0.7, 0.8).written(4)] == ["0.70", "0.75", "0.80"]
    assert Axis(0.5, 0.5).written(4) == [(0.5, "0.5")]
    assert [words for _, words in Axis(-20, 24).written(5)] == ["-20", "-10", "0", "10", "20"]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_an_axis_around_values_holds_them_within_its_bounds(values: list[float]) -> None:
    axis = around(values)
    assert 0 <= axis.low <= min(values) <= max(values) <= axis.high <= 1
    assert axis.high - axis.low >= 0.2 - 1e-9


def test_around_nothing_it_is_the_whole() -> None:
    assert around([], "leakage") == Axis(0, 1, "leakage")
    assert around([float("nan")], within=(-1, 1)) == Axis(-1, 1)


@pytest.mark.parametrize("many", [1, 2, 24, 500])
def test_no_number_is_drawn_over_another(many: int) -> None:
    ticks = [(place, f"run {place}") for place in range(many)]
    frame = Frame(44, 466, 0, 100, Axis(0, max(1, many - 1), ticks=ticks), Axis(0, 1))

    root = ElementTree.fromstring(f'<svg xmlns="{SVG[1:-1]}">{"".join(frame.drawn())}</svg>')
    places = [float(each.get("x", 0)) for each in root.iter(f"{SVG}text") if each.get("text-anchor") == "middle"]
    assert 1 <= len(places) <= 12
    assert all(right - left > 2 * SIZE for left, right in pairwise(places))
