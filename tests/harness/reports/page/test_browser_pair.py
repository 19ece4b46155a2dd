"""The page of two runs in a real browser: what flipped first, and the texts of both beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.harness.comparing import Compared
from evals.harness.pages import written_beside
from evals.harness.verdicts.comparison import compare
from papillon.results import RunResult
from papillon.results.comparison import Comparison
from papillon.results.finding import FoundRun
from tests.chromium import Browser
from tests.harness.reports.page.samples import changed, left

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def comparison(run: RunResult) -> Comparison:
    return compare(run, changed(run))


@pytest.fixture(scope="module")
def pair(run: RunResult, comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    runs = tuple(FoundRun.at(left(folder / name, of)) for name, of in (("a", run), ("b", changed(run))))
    written_beside(Compared(runs, (comparison,), {}), folder / "page.html", folder)
    return folder / "page.html"


def test_it_opens_with_what_moved_and_the_flips_first(browser: Browser, pair: Path, comparison: Comparison) -> None:
    browser.open(pair)
    assert browser.text("#part-verdict") == "↓ Moved for the worse"
    flips = [flip.id for flip in comparison.splits[0].flipped]
    assert [link.text for link in browser.all("#body th a")][: len(flips)] == flips
    browser.one("[data-filter=change] option[value=better]").click()
    assert {badge.text for badge in browser.all("#body .badge.pass")} == {"✓ better"}


def test_an_example_shows_both_sides(browser: Browser, pair: Path, comparison: Comparison) -> None:
    first = comparison.splits[0].flipped[0].id
    browser.open(pair, f"#{first}")
    assert browser.text("#example-name").startswith(first)
    sides = [label.text for label in browser.all("#example section .label")]
    assert sides.count("before") == sides.count("after") >= 4
    assert "Together yes to the target alone: worse; quality 0." in browser.text("#example")
    browser.press("ESCAPE")
    browser.wait("return document.getElementById('example').hidden")
    assert browser.focused() == first


@pytest.mark.parametrize("width", [1000, 720, 400])
@pytest.mark.parametrize("fragment", ["", "#dev-0010"])
def test_a_screen_is_never_moved_sideways(browser: Browser, pair: Path, fragment: str, width: int) -> None:
    browser.size(width, 800)
    browser.open(pair, fragment)
    assert browser.run("return document.documentElement.scrollWidth") == width
