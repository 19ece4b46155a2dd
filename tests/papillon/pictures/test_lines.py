"""Values over rounds or runs: what is drawn where."""

from __future__ import annotations

import re

from papillon.pictures import At, Axis, Level, Line, lines
from tests.papillon.pictures.drawn import SVG, signs, tree, written

UNIT = Axis(0, 1)


def paths(picture: object, name: str) -> list[str]:
    return [each.get("d", "") for each in tree(picture).iter(f"{SVG}path") if each.get("class") == name]  # type: ignore[arg-type]


def test_a_better_value_stands_higher_and_a_later_one_further_right() -> None:
    picture = lines("t", [Line("quality", [At(0, 0.1), At(1, 0.5), At(2, 0.9)])], Axis(0, 2), UNIT)
    (line,) = paths(picture, "first")
    places = [tuple(map(float, place.split())) for place in re.findall(r"[\d.]+ [\d.]+", line)]
    (x1, y1), (x2, y2), (x3, y3) = places
    assert x1 < x2 < x3
    assert y1 > y2 > y3


def test_an_interval_reaches_from_its_low_to_its_high_end() -> None:
    picture = lines("t", [Line("quality", [At(0, 0.5, 0.25, 1.0, "run a")])], Axis(0, 1), UNIT)
    (whisker,) = paths(picture, "first")
    levels = lines("t", [Line("", [At(0, 0.5)])], Axis(0, 1), UNIT, levels=[Level("a", 0.25), Level("b", 1.0)])
    assert signs(picture) == ["run a"]
    high, low = re.match(r"M[\d.]+ ([\d.]+)V([\d.]+)", whisker).groups()  # type: ignore[union-attr]
    drawn = [float(re.findall(r"[\d.]+", d)[1]) for d in paths(levels, "fail") if d.endswith("H466")]
    # The level's names take a row of their own above.
    assert float(low) - float(high) == drawn[0] - drawn[1]


def test_bounds_and_baselines_are_named_and_look_different() -> None:
    levels = [Level("≥ 0.7 is asked", 0.7), Level("baseline", 0.8, "baseline")]
    picture = lines("t", [Line("quality", [At(0, 0.5)])], Axis(0, 1), UNIT, levels=levels)
    assert {"≥ 0.7 is asked", "baseline"} <= {*written(picture)}
    assert len(paths(picture, "fail")) == len(paths(picture, "deferred")) == 2  # in the drawing and beside the name
    assert picture.description == ("≥ 0.7 is asked at 0.700; baseline at 0.800; quality: 0.500.")


def test_a_line_is_told_in_words_by_its_extent_and_its_end() -> None:
    picture = lines("t", [Line("quality", [At(0, 0.5), At(1, 0.9), At(2, 0.7)])], Axis(0, 2), UNIT)
    assert picture.description == "quality: 3 values from 0.500 to 0.900, the last 0.700."


def test_several_series_are_named_and_told_apart_without_colour() -> None:
    series = [Line(f"series {name}", [At(0, 0.5), At(1, 0.5)]) for name in "abcde"]
    picture = lines("t", series, Axis(0, 1), UNIT)
    assert {line.name for line in series} <= {*written(picture)}
    dashes = [
        each.get("stroke-dasharray") for each in tree(picture).iter(f"{SVG}path") if each.get("stroke-width") == "2"
    ]
    assert len({*dashes}) == 5
    assert "quality" not in written(lines("t", [Line("quality", [At(0, 0.5)])], Axis(0, 1), UNIT))


def test_many_values_are_a_line_without_signs() -> None:
    def drawn(many: int) -> int:
        points = [At(place, 0.5, said="x") for place in range(many)]
        return len(signs(lines("t", [Line("quality", points)], Axis(0, many), UNIT)))

    assert (drawn(60), drawn(61)) == (60, 0)


def test_a_value_beyond_the_axis_lies_on_its_edge_and_nothing_is_drawn_for_nothing() -> None:
    picture = lines("t", [Line("quality", [At(0, 7.0), At(1, 1.0)])], Axis(0, 1), UNIT)
    first, second = re.findall(r" ([\d.]+)", paths(picture, "first")[0])
    assert first == second
    assert lines("t", [Line("quality", [])], Axis(0, 1), UNIT).description == "Nothing to show."
