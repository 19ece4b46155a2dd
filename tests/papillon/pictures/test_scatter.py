"""Two figures against each other: every point named, no name over another."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.pictures import Axis, Dot, scatter
from papillon.pictures.elements import SIZE, wide
from tests.papillon.pictures.drawn import SVG, signs, tree, written

SHARES = st.floats(0, 1)


def names(dots: list[Dot]) -> list[tuple[float, float, str]]:
    drawn = tree(scatter("t", dots, "leakage", "quality")).iter(f"{SVG}text")
    of = {dot.name for dot in dots}
    return [(float(each.get("x", 0)), float(each.get("y", 0)), each.text or "") for each in drawn if each.text in of]


def test_each_point_says_its_name_its_figures_and_their_intervals() -> None:
    dot = Dot("last", 0.12, 0.8, (0.09, 0.15), (0.75, 0.85), said="225 examples")
    said = "last: quality 0.800 (0.750 to 0.850), leakage 0.120 (0.090 to 0.150); 225 examples"
    picture = scatter("Quality against leakage", [dot, Dot("paper", 0.0, 0.815, published=True)], "leakage", "quality")
    assert signs(picture) == [said, "paper: quality 0.815, leakage 0.000"]
    assert picture.description == f"{said}; paper: quality 0.815, leakage 0.000."


def test_what_others_report_is_a_ring_and_a_run_of_ones_own_is_filled() -> None:
    dots = [Dot("paper", 0.1, 0.8, published=True), Dot("last", 0.2, 0.7)]
    rings = [each for each in tree(scatter("t", dots, "x", "y")).iter(f"{SVG}circle") if each.get("fill") == "none"]
    assert [ring.find(f"{SVG}title").text for ring in rings] == ["paper: y 0.800, x 0.100"]  # type: ignore[union-attr]


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_name_is_drawn_over_another(places: list[tuple[float, float]]) -> None:
    found = names([Dot(f"system {place}", x, y) for place, (x, y) in enumerate(places)])
    assert len(found) == len(places)
    for (x1, y1, one), (x2, y2, other) in combinations(found, 2):
        apart = abs(y1 - y2) >= SIZE or x1 + wide(one) <= x2 or x2 + wide(other) <= x1
        assert apart, (one, other)


def test_ten_equal_points_each_have_their_name() -> None:
    found = names([Dot(f"run {place}", 0.5, 0.5, (0.4, 0.6), (0.4, 0.6)) for place in range(10)])
    assert len({(x, y) for x, y, _ in found}) == 10


def test_the_axes_hold_the_points_and_their_intervals_and_no_more_than_they_need() -> None:
    picture = scatter("t", [Dot("a", 0.12, 0.8, (0.05, 0.2), (0.7, 0.9)), Dot("b", 0, 0.815)], "leakage", "quality")
    numbers = [float(word) for word in written(picture) if re.fullmatch(r"[\d.]+", word)]
    assert min(numbers) == 0
    assert 0.6 < max(numbers) < 1
    wide_open = scatter("t", [Dot("a", 0.1, 0.8)], "x", "y", axes=(Axis(0, 1, "x"), Axis(0, 1, "y")))
    assert {"0.0", "1.0"} <= {*written(wide_open)}


def test_nothing_to_show_is_said() -> None:
    assert scatter("t", [], "leakage", "quality").description == "Nothing to show."
