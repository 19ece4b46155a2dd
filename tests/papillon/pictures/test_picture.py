"""Every picture: safe against any text, read aloud, the same bytes, seen on white and on black."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.pictures import At, Axis, Bar, Dot, Level, Line, Picture, below, histogram, intervals, lines, scatter
from papillon.pictures.elements import COLOURS
from tests.papillon.pictures.drawn import SVG, tree, written

HOSTILE = "</title><script>alert(1)</script>&\"'<!--]]>\x00\x1b\u202eevil\ud800\ufffe"


def pictures(word: str) -> dict[str, Picture]:
    """One of each kind, with a text in every place that takes one."""
    unit = Axis(0, 1, word, [(0.0, word), (1.0, word)])
    return {
        "lines": lines(
            word,
            [Line(word, [At(0, 0.5, 0.4, 0.6, word), At(1, 0.6)]), Line(word, [At(0, 0.1)], joined=False)],
            *(unit, unit),
            levels=[Level(word, 0.5), Level(word, 0.2, "baseline")],
        ),
        "scatter": scatter(word, [Dot(word, 0.1, 0.8, (0, 0.2), (0.7, 0.9), said=word), Dot(word, 0, 0)], word, word),
        "histogram": histogram(word, [0, 0.5, 1], word, of=word),
        "intervals": intervals(word, [Bar(word, 0.5, 0.4, 0.6, [0.3], "fail", word), Bar(word, None)], across=unit),
        "below": below(word, [histogram(word, [1], word)]),
        "empty": lines(word, [Line(word, [])], unit, unit),
    }


@pytest.mark.parametrize("kind", pictures("x"))
@pytest.mark.parametrize("word", [HOSTILE, "", "李小明 " * 40, "\u05d0\u05d1 a\u0301", "\n\t"])
def test_any_text_is_text_and_nothing_else(kind: str, word: str) -> None:
    for svg in (pictures(word)[kind].svg(), pictures(word)[kind].file()):
        assert "<script" not in svg
        assert "\u202e" not in svg
        assert not re.search(r"""\bon\w+=|href|url\(|@import""", svg)
        svg.encode()
    root = tree(pictures(word)[kind])
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "style", "g", "path", "circle", "rect", "text"),
    }


@given(st.text())
def test_whatever_the_text_the_file_is_well_formed(word: str) -> None:
    assert tree(pictures(word)["scatter"]).tag == f"{SVG}svg"


@pytest.mark.parametrize("kind", pictures("x"))
def test_it_has_a_name_and_a_description_for_who_does_not_see_it(kind: str) -> None:
    root = tree(pictures("Leakage")[kind])
    title, description = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", "Leakage")
    assert description.tag == f"{SVG}desc"
    assert description.text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_two_pictures_of_a_page_share_no_id() -> None:
    one, other = (histogram("Leakage", [value], "leakage") for value in (0.0, 1.0))
    assert tree(one)[0].get("id") != tree(other)[0].get("id")


@pytest.mark.parametrize("kind", pictures("x"))
def test_the_same_figures_are_the_same_bytes(kind: str) -> None:
    assert pictures("x")[kind].file() == pictures("x")[kind].file()
    assert "-0.0" not in pictures("x")[kind].svg()


def test_a_file_is_light_or_dark_by_itself_and_on_a_page_it_takes_the_pages_colours() -> None:
    picture = histogram("Leakage", [0.5], "leakage")
    assert "prefers-color-scheme:dark" in picture.file()
    assert "<style" not in picture.svg()
    assert 'fill="currentColor"' in picture.svg()


def test_each_colour_is_seen_on_white_and_on_black() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for name, colour in COLOURS.items():
        seen = luminance(colour) + 0.05
        assert (luminance("#ffffff") + 0.05) / seen >= 3, name
        assert seen / (luminance("#121212") + 0.05) >= 3, name


def test_several_pictures_stand_below_each_other_and_say_what_each_says() -> None:
    one, other = histogram("Leakage", [0.5], "leakage"), histogram("Quality", [1.0], "quality")
    both = below("Scores", [one, other])
    assert both.height > one.height + other.height
    assert [word for word in written(both) if word in ("Scores", "Leakage", "Quality")] == [
        "Scores",
        "Leakage",
        "Quality",
    ]
    assert one.description in both.description
    assert other.description in both.description
