"""Values with their intervals one below the other."""

from __future__ import annotations

import re

from papillon.pictures import Axis, Bar, intervals
from tests.papillon.pictures.drawn import SVG, signs, tree, written


def test_each_bar_says_its_figures_and_what_is_asked_of_them() -> None:
    bars = [Bar("dev-quality", 0.812, 0.75, 0.86, [0.8], "pass", "≥ 0.8 PASS"), Bar("dev-gain", None, said="none")]
    picture = intervals("Gates", bars)
    assert {"dev-quality", "0.812 (0.750 … 0.860) ≥ 0.8 PASS", "dev-gain", "– none"} <= {*written(picture)}
    assert signs(picture) == ["dev-quality: 0.812 (0.750 … 0.860) ≥ 0.8 PASS"]
    assert picture.description == "dev-quality 0.812 (0.750 … 0.860) ≥ 0.8 PASS; dev-gain – none."


def test_a_verdict_is_told_by_its_sign_as_well_as_by_its_colour() -> None:
    bars = [Bar(tone, 0.5, tone=tone) for tone in ("pass", "fail", "inconclusive", "deferred")]
    drawn = [each for each in tree(intervals("t", bars)).iter() if each.find(f"{SVG}title") is not None][1:]
    assert [each.get("class", "").split()[0] for each in drawn] == ["pass", "fail", "inconclusive", "deferred"]
    outlines = [re.sub(r"M[\d.]+ [\d.]+", "M", each.get("d", each.get("fill", ""))) for each in drawn]
    assert len({*outlines}) == 4


def test_a_difference_is_drawn_beside_the_line_of_none() -> None:
    def across(value: float) -> float:
        drawn = tree(intervals("t", [Bar("quality", value)], zero=True, across=Axis(-1, 1))).iter(f"{SVG}circle")
        return float(next(iter(drawn)).get("cx", 0))

    assert across(-0.5) < across(0) == 240 < across(0.5)


def test_a_long_name_makes_room_for_its_figures_and_is_whole_where_a_pointer_rests() -> None:
    name = "dev-verbatim_leakage-regression-of-a-name-that-goes-on"
    picture = intervals("t", [Bar(name, 0.2, 0.1, 0.3, said="≤ 0.25 INCONCLUSIVE")])
    (shown,) = [word for word in written(picture) if word.startswith("dev-")]
    assert shown.endswith("…")
    assert signs(picture)[0].startswith(f"{name}: ")


def test_nothing_to_show_is_said() -> None:
    assert intervals("t", []).description == "Nothing to show."
