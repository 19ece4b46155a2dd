"""The page in a real browser: ten rows are labelled by the keyboard, and whatever can come between."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evals.labelling.closing import closing
from evals.labelling.pages import page
from evals.labelling.server import LabellingServer, listening
from evals.labelling.sitting import Sitting
from tests.chromium import Browser
from tests.labelling.samples import HOSTILE, rows, sitting

pytestmark = pytest.mark.slow


class Served:
    """A server for one sitting, in a thread of its own."""

    def __init__(self, now: Sitting) -> None:
        self.now = now
        self._sock = listening()
        self._started: Future[Callable[[], None]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._stop = self._started.result(10)

    def server(self) -> LabellingServer:
        return LabellingServer(self.now, page("judging"), lambda: closing(self.now, rows()))

    async def _serve(self) -> None:
        server = self.server()
        self.address = server.address(self._sock.getsockname()[1])
        serving, loop = asyncio.ensure_future(server.serve(self._sock)), asyncio.get_running_loop()
        self._started.set_result(lambda: loop.is_closed() or loop.call_soon_threadsafe(serving.cancel))
        await asyncio.wait([serving])

    def end(self) -> None:
        self._stop()
        self._thread.join()
        self._sock.close()

    @property
    def over(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive()


@contextmanager
def opened(browser: Browser, now: Sitting) -> Iterator[Served]:
    served = Served(now)
    try:
        browser.driver.get(served.address)
        browser.wait("return document.getElementById('left').textContent")
        yield served
        # Nothing was asked of anybody else, and the page has nothing to complain of.
        assert {url for url in browser.asked() if not url.startswith(served.address)} == set()
    finally:
        served.end()


def left(browser: Browser, words: str) -> None:
    browser.wait(f"return document.getElementById('left').textContent === {words!r}")


def head(browser: Browser) -> str:
    return browser.text("#step")


def test_ten_rows_are_labelled_by_at_most_three_keys_each(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 10)
    typed: list[tuple[str, ...]] = [
        ("1", "ENTER"),
        ("2", "1", "ENTER"),
        ("3", "a", "ENTER"),
        ("0", "0"),
        ("2", "SPACE", "ENTER"),
    ] * 2
    with opened(browser, now) as served:
        for number, keys in enumerate(typed):
            left(browser, f"{10 - number} left of 10")
            assert head(browser) == "Which reply serves the query better?"
            assert browser.focused() == head(browser), "a reader is told where it is"
            browser.press(*keys)
        left(browser, "10 of 10")
        assert browser.text("#end-name") == "All 10 are done"
        assert "too few for a figure of quality: 8 independent rows have a label" in browser.text("#end ul")
        took = browser.run(
            "const done = performance.getEntriesByType('resource').filter((each) => each.name.endsWith('answer'));"
            "return done.map((each) => each.duration)"
        )
        assert len(took) == 10
        assert min(took) < 50, "milliseconds from the key to what is next; the others wait for whatever else runs here"
        browser.press("ENTER")
        assert served.over
        browser.wait("return document.getElementById('end-name').textContent.startsWith('The command has ended')")
        assert browser.said() == []
    kept = now.file.labels()
    assert [label.leakage for label in kept] == [(False, False), (True, False), (True, True), None, (True, False)] * 2
    for label, keys in zip(kept, typed, strict=True):
        ours = {"1": "better", "3": "worse"} if label.answer_stood == "A" else {"1": "worse", "3": "better"}
        assert label.quality == ({"2": "tie", "0": "cannot tell"} | ours)[keys[0]]


def test_no_figure_is_on_the_page_before_the_number_is_reached(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, sitting(tmp_path, 2)):
        browser.press("1", "ENTER")
        left(browser, "1 left of 2")
        assert "labels alone" not in browser.driver.page_source.split("<script>")[0]


def test_one_step_back_at_a_time(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 3)
    with opened(browser, now):
        first = browser.all("#item .text")[0].text
        browser.press("2", "u")
        assert head(browser) == "Which reply serves the query better?"
        browser.press("2", "ENTER")
        left(browser, "2 left of 3")
        browser.press("u")
        left(browser, "3 left of 3")
        assert browser.all("#item .text")[0].text == first
        browser.one("#undo").click()
        asked = "performance.getEntriesByType('resource').filter((each) => each.name.endsWith('undo'))"
        browser.wait(f"return {asked}.length === 2")  # no key means anything before it is answered
        browser.press("3", "a", "a", "ENTER")
        left(browser, "2 left of 3")
    assert [label.leakage for label in now.labels] == [(False, False)]


def test_it_works_by_touch_and_by_tab_alone(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 2)
    with opened(browser, now):
        browser.all("#item .choice")[2].click()
        browser.all("#item .unit")[1].click()
        browser.all("#item .choice")[0].click()
        left(browser, "1 left of 2")
        browser.press("TAB", "TAB", "ENTER")
        assert head(browser) == "What does the request give away?"
        browser.press("TAB", "TAB", "SPACE", "ARROW_UP", "ARROW_DOWN", "ARROW_DOWN", "TAB", "ENTER")
        left(browser, "2 of 2")
    assert [label.leakage for label in now.labels] == [(False, True)] * 2
    assert now.labels[1].quality == "tie"


def test_with_shift_the_last_tick_goes_on(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 2, units=tuple("abcd"))
    with opened(browser, now):
        browser.press("2", "4", "@")
        left(browser, "1 left of 2")
        browser.press("2", "A")
        left(browser, "2 of 2")
    assert [label.leakage for label in now.labels] == [(False, True, False, True), (True,) * 4]


def test_units_after_the_ninth_have_letters_and_all_but_one_take_two_keys(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 2, units=tuple(f"unit {n}" for n in range(1, 34)))
    with opened(browser, now):
        browser.press("2")
        assert browser.text("#item label:nth-of-type(12)") == "e\nunit 12"
        assert browser.text("#item label:nth-of-type(33)") == "unit 33"
        browser.press("b", "E")
        left(browser, "1 left of 2")
        browser.press("2", "a", "Z")
        left(browser, "2 of 2")
    ticked = [[n for n, flag in enumerate(label.leakage or (), 1) if flag] for label in now.labels]
    assert ticked == [[10, 12], [n for n in range(1, 34) if n != 30]]


def test_keys_of_one_letter_can_be_turned_off(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, sitting(tmp_path, 2)):
        browser.press("?")
        browser.one("#keys-on").click()
        browser.press("ENTER", "1", "u", "c")
        assert head(browser) == "Which reply serves the query better?"
        assert browser.text("#left") == "2 left of 2"


def test_a_comment_goes_with_the_answer_and_its_letters_are_no_keys(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 2)
    with opened(browser, now):
        browser.press("c")
        browser.press(*"u1 a\n2", "ESCAPE")
        browser.press("2", "ENTER")
        left(browser, "1 left of 2")
        assert browser.run("return document.getElementById('comment').value") == ""
        browser.press("2", "ENTER")
        left(browser, "2 of 2")
        assert not browser.one("#remark").is_displayed(), "there is no row to remark on"
        browser.press("c", "u")
        left(browser, "1 left of 2")
        assert browser.one("#remark").is_displayed()
    assert '"comment": "u1 a\\n2"' in now.file.path.with_suffix(".comments.jsonl").read_text()


def test_hostile_texts_do_not_act(browser: Browser, tmp_path: Path) -> None:
    texts: dict[str, Any] = dict.fromkeys(("query", "target", "response"), HOSTILE) | {
        "units": (HOSTILE,) * 12,
        "requests": (HOSTILE, ""),
    }
    with opened(browser, sitting(tmp_path, 1, **texts)):
        assert browser.all("#item .text")[0].text == HOSTILE.replace("\u202e", "\\u202e")
        browser.press("1")
        assert browser.all("#item a, #item img, #item script") == []
        assert len(browser.all(".unit")) == 12
        browser.press("9", "a", "ENTER")
        left(browser, "1 of 1")
        assert browser.driver.title == "Labelling"
        assert browser.said() == []


def test_a_page_left_open_over_a_restart_says_so_and_loses_nothing(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 2)
    with opened(browser, now) as served:
        browser.press("1", "2")
        served.end()
        browser.press("ENTER")
        browser.wait("return !document.getElementById('problem').hidden")
        assert browser.text("#problem") == (
            "The command has ended or was started anew: this page can keep nothing any more. Every answer that was "
            "followed by another row is kept; start the command again and open the address that it prints."
        )
        assert browser.all("#problem button") == [], "a new command has a new address"
        assert browser.one("#problem").get_attribute("role") == "alert"
        assert browser.run("return document.querySelectorAll(':checked').length") == 2, "the tick, and that keys act"
        browser.said()
    with opened(browser, sitting(tmp_path, 2, given=now.file.labels())):
        assert browser.text("#left") == "2 left of 2"


def test_two_windows_do_not_answer_one_row_twice(browser: Browser, tmp_path: Path) -> None:
    now = sitting(tmp_path, 3)
    with opened(browser, now):
        now.give({"showing": now.state()["item"]["showing"], "choice": "A", "leakage": [True, True]})
        browser.press("2", "ENTER")
        browser.wait("return !document.getElementById('problem').hidden")
        assert browser.text("#problem") == "This row was answered meanwhile, in another window; here is the next one."
        assert browser.text("#left") == "2 left of 3"
        browser.press("2", "ENTER")
        left(browser, "1 left of 3")
        assert browser.one("#problem").get_attribute("hidden") is not None
    assert len(now.labels) == 2


def test_what_cannot_be_kept_stays_as_it_was_answered(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = sitting(tmp_path, 1)
    with opened(browser, now):
        browser.press("1", "1")
        with monkeypatch.context() as patched:
            patched.setattr("os.pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            browser.press("ENTER")
            browser.wait("return !document.getElementById('problem').hidden")
        assert "No space left on device" in browser.text("#problem")
        browser.press("ENTER")
        left(browser, "1 of 1")
    assert now.labels[0].leakage == (True, False)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_a_phone(browser: Browser, tmp_path: Path, width: int) -> None:
    long = "a" * 400 + " words" * 200
    texts: dict[str, Any] = {"query": long, "response": long, "requests": (long,), "units": ("u" * 200, *"bcdefghijkl")}
    browser.size(width, 844)
    with opened(browser, sitting(tmp_path, 1, **texts)):
        for key in ("1", "ENTER"):
            assert browser.run("return document.documentElement.scrollWidth") <= width
            buttons = [button for button in browser.all("#item .choice") if button.is_displayed()]
            assert all(button.size["height"] >= 44 for button in buttons), "a finger's width"
            bottom = browser.run("return document.querySelector('.choices').getBoundingClientRect().bottom")
            assert bottom <= 844, "the answers are in reach without scrolling"
            browser.press(key)


def test_a_reader_is_told_what_everything_is(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, sitting(tmp_path, 1)):
        assert [(each.tag_name, each.text) for each in browser.all("h1, h2:not(#end-name), h3")] == [
            ("h1", "Labelling"),
            ("h2", "Which reply serves the query better?"),
            *(("h3", name) for name in ("Query", "Reply A", "Reply B")),
        ]
        assert [button.accessible_name.strip() for button in browser.all("#item .choice")] == [
            "A is better",
            "Both are equally good",
            "B is better",
            "Cannot tell",
        ]
        assert browser.one("#left").get_attribute("aria-live") == "polite"
        browser.press("2")
        assert [box.accessible_name for box in browser.all("#item input")] == ["Ada Zwill", "Bern"]
        group = browser.one("#item fieldset")
        assert group.accessible_name == "Tick what stands there, in whatever words"
        assert group.get_attribute("aria-describedby") == "requests"
        assert "Write a letter" in browser.text("#requests")


def test_a_row_without_a_target_and_one_without_units_are_asked_what_they_have(
    browser: Browser, tmp_path: Path
) -> None:
    for number, (texts, keys) in enumerate(
        [({"target": ""}, ("1", "ENTER")), ({"units": ()}, ("2",)), ({"target": "", "units": ()}, ("ENTER",))]
    ):
        now = sitting(tmp_path / str(number), 1, **texts)
        with opened(browser, now):
            browser.press(*keys)
            left(browser, "1 of 1")


def test_a_key_held_down_answers_once(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, sitting(tmp_path, 3)):
        pressed = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', repeat: n > 0}))"
        browser.run(f"for (let n = 0; n < 9; n++) {pressed}")
        time.sleep(0.1)
        assert browser.run("return document.querySelectorAll('#item :checked').length") == 0
