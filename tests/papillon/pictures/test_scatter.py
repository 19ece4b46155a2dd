"""Two figures against each other: every point a sign of its own, named below, no text over another."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from xml.etree.ElementTree import Element

from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.pictures import Axis, Dot, Picture, scatter
from papillon.pictures.elements import wide
from tests.papillon.pictures.drawn import SVG, signs, tree, written

PLACES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=12)


def named(picture: Picture) -> dict[str, tuple[str, ...]]:
    """The look of each sign that says something, by the name that it says."""
    marked = (each for tag in ("circle", "path") for each in tree(picture).iter(f"{SVG}{tag}"))
    held = [(each, title) for each in marked if (title := each.find(f"{SVG}title")) is not None]
    return {(title.text or "").partition(":")[0]: look(each) for each, title in held}


def look(sign: Element) -> tuple[str, ...]:
    """What tells a sign from others: its form, whatever its place, its colour, and whether it is hollow."""
    outline = re.sub(r"M\S+ [\d.-]+", "", sign.get("d", "circle"))
    return outline, sign.get("class", ""), sign.get("fill", "")


def legend(picture: Picture) -> dict[str, tuple[tuple[str, ...], list[str]]]:
    """What stands below the axes: by each name the look of the sign beside it, and the figures on its line."""
    drawn = [*tree(picture).iter()]
    lines: dict[str, list[str]] = {}
    for each in drawn:
        if each.tag == f"{SVG}text":
            lines.setdefault(each.get("y", ""), []).append(each.text or "")
    signs_ = [(sign, words) for sign, words in pairwise(drawn) if sign.get("stroke-width") == "1.5"]
    beside = [(look(sign), lines[words.get("y", "")]) for sign, words in signs_ if words.tag == f"{SVG}text"]
    return {name: (sign, figures) for sign, (name, *figures) in beside}


def test_each_point_says_its_name_its_figures_and_their_intervals() -> None:
    dot = Dot("last", 0.12, 0.8, (0.09, 0.15), (0.75, 0.85), said="225 examples")
    said = "last: quality 0.800 (0.750 to 0.850), leakage 0.120 (0.090 to 0.150); 225 examples"
    picture = scatter("Quality against leakage", [dot, Dot("paper", 0.0, 0.815, published=True)], "leakage", "quality")
    assert signs(picture) == [said, "paper: quality 0.815, leakage 0.000"]
    assert picture.description == f"{said}; paper: quality 0.815, leakage 0.000."


def test_a_third_figure_is_the_size_of_its_sign_and_stands_in_the_legend() -> None:
    dots = [Dot("silent", 0, 0.1, size=0.0), Dot("whole", 0.9, 0.5, size=1.0), Dot("paper", 0.1, 0.8, published=True)]
    picture = scatter("t", dots, "leakage", "quality", sized="carried")
    said = ["silent: quality 0.100, leakage 0.000, carried 0.000", "whole: quality 0.500, leakage 0.900, carried 1.000"]
    assert {*signs(picture)} == {*said, "paper: quality 0.800, leakage 0.100"}
    assert picture.body.index(said[1]) < picture.body.index(said[0]), "what is small would be hidden"
    assert picture.description.startswith("; ".join(said))
    assert {name: figures for name, (_, figures) in legend(picture).items()} == {
        "silent": ["0.100", "0.000", "0.000"],
        "whole": ["0.500", "0.900", "1.000"],
        "paper": ["0.800", "0.100", "–"],
    }
    assert "size: carried" in written(picture)
    drawn = {
        title.text.partition(":")[0]: each
        for each in tree(picture).iter()
        if (title := each.find(f"{SVG}title")) is not None
    }
    assert drawn["silent"].get("r") == "2"
    assert "h12v12h-12z" in drawn["whole"].get("d", "")
    assert "h8v8h-8z" in scatter("t", [Dot("a", 0, 0), Dot("b", 0, 0)], "x", "y").body


def test_what_others_report_is_hollow_and_a_run_of_ones_own_is_filled() -> None:
    dots = [Dot("paper", 0.1, 0.8, published=True), Dot("last", 0.2, 0.7)]
    looks = named(scatter("t", dots, "x", "y"))
    assert looks["paper"][2] == "none"
    assert looks["last"][2] != "none"


@given(PLACES)
@settings(max_examples=40, deadline=None)
def test_the_legend_names_each_sign_which_is_like_no_other(places: list[tuple[float, float, bool]]) -> None:
    dots = [Dot(f"s{place}", x, y, published=paper) for place, (x, y, paper) in enumerate(places)]
    dots = [dot for dot in dots if not dot.published or [d for d in dots if d.published].index(dot) < 4]
    picture = scatter("t", dots, "leakage", "quality")
    looks = named(picture)
    assert len({*looks.values()}) == len(dots)
    assert legend(picture) == {dot.name: (looks[dot.name], [f"{dot.y:.3f}", f"{dot.x:.3f}"]) for dot in dots}


@given(PLACES)
@settings(max_examples=40, deadline=None)
def test_no_text_stands_among_the_points_or_on_another_text(places: list[tuple[float, float, bool]]) -> None:
    name = "a system of a name that no picture has the room for, however it is written"
    dots = [Dot(f"{place} {name}", x, y, published=paper) for place, (x, y, paper) in enumerate(places)]
    boxes = []
    for each in tree(scatter("t", dots, "leakage", "quality")).find(f"{SVG}g/{SVG}g").iter(f"{SVG}text"):  # type: ignore[union-attr]
        x, y, size = float(each.get("x", 0)), float(each.get("y", 0)), wide(each.text or "")
        start = x - {"middle": size / 2, "end": size}.get(each.get("text-anchor", ""), 0)
        boxes.append((start, y - 9, start + size, y + 3))
        assert start + size <= 44 or y < 18 or y > 328, each.text
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (one, other)


def test_the_axes_hold_the_points_and_their_intervals_and_no_more_than_they_need() -> None:
    picture = scatter("t", [Dot("a", 0.12, 0.8, (0.05, 0.2), (0.7, 0.9)), Dot("b", 0, 0.815)], "leakage", "quality")
    numbers = [float(word) for word in written(picture) if re.fullmatch(r"[\d.]+", word)]
    assert min(numbers) == 0
    assert 0.6 < max(numbers) < 1
    wide_open = scatter("t", [Dot("a", 0.1, 0.8)], "x", "y", axes=(Axis(0, 1, "x"), Axis(0, 1, "y")))
    assert {"0.0", "1.0"} <= {*written(wide_open)}


def test_nothing_to_show_is_said() -> None:
    assert scatter("t", [], "leakage", "quality").description == "Nothing to show."
