"""Reviewing in a real browser: queries are reviewed by the keyboard, a piece is added by marking it, nothing acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evals.labelling.pages import page
from evals.labelling.reviewing import Reviewing
from evals.labelling.server import LabellingServer
from papillon.annotation.proposals import Proposal
from papillon.annotation.queries import Query
from papillon.annotation.review import Review
from tests.chromium import Browser
from tests.labelling.test_browser import Served, left
from tests.labelling.test_reviewing import Kept
from tests.papillon.annotation.samples import review

pytestmark = pytest.mark.slow

HOSTILE = "</script><script>document.title='bad'</script><img src=x onerror=\"document.title='bad'\"> \u202egnp"


class ServedReview(Served):
    """A server for a review, in a thread of its own."""

    def server(self) -> LabellingServer:
        asked: Reviewing = self.now  # type: ignore[assignment]
        return LabellingServer(asked, page("reviewing"), asked.closing)


@contextmanager
def shown(browser: Browser, asked: Reviewing, how_many: str) -> Iterator[ServedReview]:
    """Inside, the browser shows the review's page, which says ``how_many`` queries are left."""
    served = ServedReview(asked)  # type: ignore[arg-type]
    try:
        browser.driver.get(served.address)
        left(browser, how_many)
        yield served
    finally:
        served.end()


MARK = """
const text = document.getElementById("query").lastChild, range = document.createRange();
const at = text.data.indexOf("a poem");
range.setStart(text, at);
range.setEnd(text, at + 6);
getSelection().removeAllRanges();
getSelection().addRange(range);
"""


def test_units_are_ticked_marked_and_written_by_the_keyboard(browser: Browser) -> None:
    asked = Reviewing(review(HOSTILE, "Hello."), kept := Kept())
    with shown(browser, asked, "3 left of 3") as served:
        assert browser.text("#step") == "Which pieces are private?"
        assert browser.focused() == browser.text("#step"), "a reader is told where it is"
        browser.press("1", "3")
        browser.run(MARK)
        browser.press("m", "w", "u", "a", "ENTER", "b", "c", "ESCAPE", "ENTER")
        left(browser, "2 left of 3")
        assert asked.review.rows[0].units == ("Ann Lee", "ann@lee.example", "a poem", "ua", "bc")
        assert "\\u202e" in browser.text("#query"), "what reorders is shown"
        assert browser.driver.title == "Reviewing units"
        browser.press("ENTER")
        left(browser, "1 left of 3")
        browser.press("u")
        left(browser, "2 left of 3")
        browser.press("ENTER")
        left(browser, "1 left of 3")
        browser.press("ENTER")
        left(browser, "3 of 3")
        assert "3 of 3 queries are reviewed, with 5 units." in browser.text("#end ul")
        browser.press("ENTER")
        assert served.over
        assert browser.said() == []
        assert {url for url in browser.asked() if not url.startswith(served.address)} == set()
    assert [decision.what for decision in kept].count("finish") == 4


def test_it_fits_a_phone(browser: Browser) -> None:
    browser.size(380, 700)
    with shown(browser, Reviewing(review(), Kept()), "1 left of 1"):
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        stuck = "return [...document.querySelectorAll('.choices')].map((bar) => getComputedStyle(bar).position)"
        assert browser.run(stuck) == ["static", "sticky", "sticky"], "one bar of what is shown stays in reach"


LINES = (
    "return [...document.querySelectorAll('.unit > span')].map((unit) => unit.getClientRects().length ? Math.round("
    "unit.getBoundingClientRect().height / parseFloat(getComputedStyle(unit).lineHeight)) : 0)"
)


@pytest.mark.parametrize("width", [320, 380, 700, 1280])
def test_a_unit_that_fits_a_line_is_not_squeezed_by_who_proposed_it(browser: Browser, width: int) -> None:
    text = "Pay DE89 3704 0044 0532 by IBAN to ann@example.org."
    said = ("forms", "capitals", "model", "file")
    proposals = (Proposal(4, 23, "bank account", said), Proposal(27, 31, "word with a capital", said))
    browser.size(width, 700)
    with shown(browser, Reviewing(Review([Query(0, text)], [proposals]), Kept()), "1 left of 1"):
        assert browser.run(LINES) == [1, 1]
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_enter_goes_on_after_a_piece_was_added_by_the_button(browser: Browser) -> None:
    asked = Reviewing(review("Hello."), Kept())
    with shown(browser, asked, "2 left of 2"):
        browser.run(MARK)
        browser.one(".part .choice").click()
        browser.press("ENTER")
        left(browser, "1 left of 2")
    assert asked.review.rows[0].units == ("a poem",)


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_reached_by_key_is_not_below_the_bar(browser: Browser, width: int) -> None:
    text = " ".join(f"Name{number}" for number in range(41))
    places = [text.index(f"Name{number}") for number in range(41)]
    proposals = tuple(Proposal(at, at + 5 + (number > 9), "name", ("capitals",)) for number, at in enumerate(places))
    browser.size(width, 700)
    with shown(browser, Reviewing(Review([Query(0, text)], [proposals]), Kept()), "1 left of 1"):
        browser.press("SPACE")
        for _ in range(40):
            browser.press("ARROW_DOWN")
            assert browser.run(
                "const bars = document.querySelectorAll('#item > .choices'), unit = document.activeElement;"
                "return unit.getBoundingClientRect().bottom <= bars[bars.length - 1].getBoundingClientRect().top"
            )


def test_what_was_begun_on_a_query_is_there_again_after_going_back(browser: Browser) -> None:
    asked = Reviewing(review("Hello Bo."), Kept())
    with shown(browser, asked, "2 left of 2"):
        browser.press("ENTER")
        left(browser, "1 left of 2")
        browser.press("w", "a", "n", "ENTER", "b", "o", "ESCAPE", "u")
        left(browser, "2 left of 2")
        browser.press("ENTER")
        left(browser, "1 left of 2")
        browser.press("ENTER")
        left(browser, "2 of 2")
    assert asked.review.rows[1].units == ("Bo", "an")
