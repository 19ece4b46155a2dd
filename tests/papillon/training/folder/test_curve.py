"""A training's curve: what is drawn where."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from papillon.training.folder.curve import curve

SVG = "{http://www.w3.org/2000/svg}"


def line(number: int, reward: float, scored: int = 4, **more: Any) -> dict[str, Any]:
    return {"round": number, "reward": reward, "scored": scored, "rollouts": 8, "validation_score": None, **more}


def points(svg: ElementTree.Element, series: str) -> list[tuple[float, float]]:
    """The places of the series of that colour."""
    drawn = [
        each.get("d", "") for each in svg.iter(f"{SVG}path") if each.get("class") == series and "L" in each.get("d", "")
    ]
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", drawn[0])]


def test_a_better_round_stands_higher_and_a_later_one_further_right() -> None:
    svg = ElementTree.fromstring(curve([line(1, -1.0, 0), line(2, 0.25, 4), line(3, 1.0, 8)]))
    (x1, y1), (x2, y2), (x3, y3) = points(svg, "first")
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    # Half of the runs scored is as high as a reward of a half, all of them as high as a reward of 1.
    (_, none), (_, half), (_, full) = points(svg, "second")
    assert full == y3
    assert half == pytest.approx((none + full) / 2, abs=0.1)


def test_validations_are_signs_of_their_own_at_their_rounds() -> None:
    svg = ElementTree.fromstring(curve([line(1, 0.0, validation_score=0.0), line(2, 0.0), line(3, 0.5)]))
    _, sign = [each for each in svg.iter(f"{SVG}path") if each.get("class") == "third"]  # the first is the legend's
    at, height = points(svg, "first")[0]
    x, y = map(float, re.findall(r"[\d.]+", sign.get("d", ""))[:2])
    assert (x, y + 5.5) == (pytest.approx(at, abs=0.1), pytest.approx(height, abs=0.1))
    assert sign.find(f"{SVG}title").text == "round 1: 0.000"  # type: ignore[union-attr]


@pytest.mark.parametrize("rounds", [1, 2, 24, 500])
def test_rounds_are_numbered_and_no_number_is_drawn_over_another(rounds: int) -> None:
    svg = ElementTree.fromstring(curve([line(n, 0.0) for n in range(1, rounds + 1)]))
    numbered = sorted(
        float(text.get("x", ""))
        for text in svg.iter(f"{SVG}text")
        if text.get("text-anchor") == "middle" and text.text != "round"
    )
    assert 1 <= len(numbered) <= 13
    assert all(right - left > 12 for left, right in pairwise(numbered))


def test_a_round_without_runs_has_no_share() -> None:
    svg = ElementTree.fromstring(curve([line(1, 0.0), line(2, 0.0), {**line(3, 0.0), "rollouts": 0}]))
    assert [len(points(svg, series)) for series in ("first", "second")] == [3, 2]
