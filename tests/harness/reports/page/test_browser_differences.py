"""The words in which two texts of an opened example differ, found in a real browser as the terminal finds them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.reports.marked import Piece, differences
from evals.harness.reports.page.writing import write_page
from tests.chromium import Browser
from tests.harness.reports.page.samples import large_run, trace_of

pytestmark = pytest.mark.slow

_MANY = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "so",
    "it",
    "goes",
    "on",
    "for",
    "ever",
]
_LONG = " ".join(_MANY[i * i % 16 % len(_MANY)] for i in range(1500))
#: Pairs in which both cut at the same words.
ALIKE = [
    ("red green blue", "red grey blue"),
    ("red blue", "red, dark blue."),
    ("", "all of it"),
    ("the same", "the same"),
    ("nothing in common", "other words here now"),
    ("caf\u00e9 \U0001f98b one", "cafe\u0301 \U0001f98b two"),
    ("<b>bold</b>\n\nline two", "<b>bald</b>\nline  two"),
    ("\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05dc\u05d5\u05dd \u05e8\u05d1"),
    (_LONG, f"{_LONG[:3000]} more {_LONG[3000:]}"),
]
#: Pairs that either may cut in its own way: scripts without spaces, contractions, texts that are compared by lines.
OTHERS = [
    ("\u6211\u7231\u5317\u4eac\u7684\u79cb\u5929", "\u6211\u7231\u4e0a\u6d77\u7684\u79cb\u5929"),
    ("I don't know, 3.14 at e.g. a_b", "I do not know 3.15, at e.g. a_c"),
    ("\n".join(f"line {i} of many words" for i in range(3000)), "\n".join(f"line {i} of more" for i in range(3000))),
    ("word " * 4000, "other " * 4000),
]


def shown(browser: Browser, tmp_path: Path, answer: str, target: str) -> list[list[Piece]]:
    """Both texts as the page shows them, cut where marks are."""
    run, _ = large_run(1)
    trace = replace(trace_of(run.rows[0]), response=answer, target=target)
    write_page(tmp_path / "page.html", run, [trace], {}, {})
    browser.open(tmp_path / "page.html", f"#{run.rows[0].id}")
    found = browser.run(
        "const section = [...document.querySelectorAll('#example section')]"
        ".find((each) => each.querySelector('h3').textContent === 'Answer and target');"
        "return [...section.querySelectorAll('.text')].map((block) => block.classList.contains('empty') ? [] :"
        "[...block.childNodes].map((node) => [node.textContent, node.nodeName === 'MARK']))"
    )
    return [[Piece(text, "only" if mark else "plain") for text, mark in side if text] for side in found]


@pytest.mark.parametrize("pair", ALIKE, ids=range(len(ALIKE)))
def test_they_are_those_that_the_terminal_marks(browser: Browser, tmp_path: Path, pair: tuple[str, str]) -> None:
    assert shown(browser, tmp_path, *pair) == [[*side] for side in differences(*pair)]


@pytest.mark.parametrize("pair", [*ALIKE, *OTHERS], ids=range(len(ALIKE) + len(OTHERS)))
def test_without_them_both_texts_are_the_same_but_for_spaces(
    browser: Browser, tmp_path: Path, pair: tuple[str, str]
) -> None:
    sides = shown(browser, tmp_path, *pair)
    assert tuple("".join(piece.text for piece in side) for side in sides) == pair
    rest = ["".join(piece.text for piece in side if piece.kind == "plain") for side in sides]
    ours, theirs = (unicodedata.normalize("NFC", re.sub(r"\s+", "", text)) for text in rest)
    assert ours == theirs
