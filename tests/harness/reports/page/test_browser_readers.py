"""The page for every reader: by keyboard, in the dark, on paper, on a small screen, by ear, and of hostile texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from evals.harness.reports.page.writing import write_page
from papillon.results import RunResult
from papillon.results.traces import LeakedUnit
from tests.chromium import Browser
from tests.harness.reports.page.samples import large_run, page_row, trace_of

pytestmark = pytest.mark.slow


class TestKeys:
    def test_the_search_and_back(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        browser.press("/")
        browser.wait("return document.activeElement.id === 'search'")
        browser.press("j", "t")
        assert browser.run("return document.activeElement.value") == "jt"
        browser.press("ESCAPE")
        assert browser.run("return document.activeElement.value") == ""

    def test_through_the_table_into_an_example_on_to_the_next_and_out(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        names = [link.text for link in browser.all("#body th a")]
        browser.press("j", "j", "j", "k")
        assert browser.focused() == names[1]
        browser.press("ENTER")
        assert browser.text("#example-name") == names[1]
        browser.press("j")
        browser.wait(f"return document.getElementById('example-name').textContent === '{names[2]}'")
        browser.press("ESCAPE")
        browser.wait("return document.getElementById('example').hidden")
        assert browser.focused() == names[2]

    def test_the_table_goes_on_over_its_pages(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        browser.run("[...document.querySelectorAll('#body th a')].pop().focus()")
        browser.press("j")
        assert browser.text("#place") == "51 to 100 of 225"
        assert browser.focused() == browser.all("#body th a")[0].text

    def test_what_they_are_is_shown_and_they_can_be_turned_off(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        browser.press("?")
        assert "next and previous example" in browser.text("#keys")
        browser.one("#keys-on").click()
        browser.press("/")
        assert browser.run("return document.activeElement.id") != "search"

    def test_every_control_is_reached_by_tab_and_shows_its_focus(self, browser: Browser, page: Path) -> None:
        browser.open(page, "#part-examples")
        browser.run("document.getElementById('search').focus()")
        seen = []
        for _ in range(20):
            browser.press("TAB")
            seen.append(browser.run("const one = document.activeElement; return one.dataset.filter ?? one.textContent"))
            assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert seen[:6] == ["status", "verdict", "leaks", "category", "flipped", "Clear"]
        assert seen[6] == "example"
        assert any(name.startswith("dev-") for name in seen)


#: What reaches beyond the right edge, but for what stands there for ears alone.
WIDER = """
return [...document.querySelectorAll("main *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(one).position !== "absolute")
  .map(one => one.outerHTML.slice(0, 99));
"""
NAMES = "const all = [...document.querySelectorAll('[id]')].map(one => one.id); return [all.length, new Set(all).size]"


class TestScreens:
    @pytest.mark.parametrize("width", [1000, 720, 400, 320])
    @pytest.mark.parametrize("fragment", ["", "#dev-0002"])
    def test_a_small_one_is_never_moved_sideways(self, browser: Browser, page: Path, width: int, fragment: str) -> None:
        browser.size(width, 800)
        browser.open(page, fragment)
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run(WIDER) == []

    def test_a_small_one_sorts_without_heads(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.size(400, 800)
        browser.open(page)
        assert not browser.one("#heads").is_displayed()
        browser.one("#sort option[value='example down']").click()
        assert browser.all("#body th a")[0].text == run.rows[-1].id

    def test_it_is_dark_by_the_system_and_by_the_button(self, browser: Browser, page: Path) -> None:
        ground = "return getComputedStyle(document.body).backgroundColor"
        browser.open(page)
        browser.run("localStorage.clear()")
        browser.open(page)
        assert browser.run(ground) == "rgb(245, 246, 248)"
        browser.one("#theme").click()
        assert browser.run(ground) == "rgb(14, 18, 23)"
        browser.open(page)
        assert browser.run(ground) == "rgb(14, 18, 23)"  # it is remembered
        browser.press("t")
        assert browser.run(ground) == "rgb(245, 246, 248)"
        browser.run("localStorage.clear()")
        browser.prefers("dark")
        browser.open(page)
        assert browser.run(ground) == "rgb(14, 18, 23)"

    def test_without_javascript_everything_but_the_examples_can_be_read(self, browser: Browser, page: Path) -> None:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            browser.open(page)
            assert browser.text("#part-verdict") == "✗ Failed"
            assert "The examples need JavaScript" in browser.text("noscript")
        finally:
            browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    def test_on_paper_it_is_light_and_without_what_cannot_be_used_there(self, browser: Browser, page: Path) -> None:
        browser.prefers("dark", "print")
        browser.open(page)
        assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not browser.one("#filters").is_displayed()
        assert not browser.one("#theme").is_displayed()
        assert browser.one("#table").is_displayed()


class TestByEar:
    def test_landmarks_headings_and_tables_say_what_they_are(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        levels = browser.run("return [...document.querySelectorAll('h1, h2, h3')].map(head => +head.tagName[1])")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for selector in ("main", "header", "footer", "nav[aria-label]", "[role=search][aria-label]"):
            assert browser.all(selector), selector
        assert browser.run("return document.documentElement.lang") == "en"
        unnamed = "return [...document.querySelectorAll('table')].filter(one => !one.caption).length"
        assert browser.run(unnamed) == 0
        assert not browser.all("table th:not([scope])")
        assert len(browser.all("svg[role=img], svg[aria-hidden=true]")) == len(browser.all("svg"))
        unlabelled = "return [...document.querySelectorAll('input, select')].filter(one => !one.labels.length).length"
        assert browser.run(unlabelled) == 0
        assert len({*browser.run(NAMES)}) == 1

    def test_the_number_found_is_told_as_it_changes(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        count = browser.one("#count")
        assert (count.get_attribute("role"), count.get_attribute("aria-live")) == ("status", "polite")

    def test_an_opened_example_takes_the_focus_and_its_headings_follow(self, browser: Browser, page: Path) -> None:
        browser.open(page, "#dev-0002")
        assert browser.run("return document.activeElement.id") == "example-name"
        levels = "return [...document.querySelectorAll('#example h2, #example h3')].map(head => head.tagName)"
        assert browser.run(levels)[:2] == ["H2", "H3"]
        said = "return getComputedStyle(document.querySelector('mark.verbatim'), '::before').content"
        assert browser.run(said) == '" [leaked: "'


HOSTILE = (
    "</script><script>window.acted = 1</script><!-- <img src=x onerror=window.acted=1> {{ 7*7 }} ${window.acted=1} "
    "<svg onload=window.acted=1> \" ' ` & &lt; javascript:window.acted=1 "
    "\u202egnp.exe\u202c a\u0000b \ud800 \u2028 \u200b"
)
#: Whatever a text could have done: run, or put itself into the page as more than text.
ACTED = "return [window.acted ?? null, ({}).polluted ?? null, document.querySelectorAll('main script, img').length]"


def hostile_run() -> tuple[RunResult, list[object]]:
    """Rows whose names and texts would act wherever they could."""
    ids = ("__proto__", "constructor", "javascript:window.acted=1", HOSTILE, "dev-0004-\u202egnp")
    ours = {"category": HOSTILE, "error": HOSTILE, "status": "scored", "overall": 0.5}
    rows = tuple(replace(page_row(i + 20), id=id, **ours) for i, id in enumerate(ids))
    traces = []
    for row in rows:
        texts = dict.fromkeys(("query", "redacted_query", "target", "response", "unparsed"), HOSTILE)
        calls = tuple(replace(call, role=HOSTILE, key=HOSTILE) for call in trace_of(row).calls)
        judge = tuple(replace(each, reason=HOSTILE) for each in trace_of(row).judge)
        sent = {"requests": (HOSTILE,), "untrusted_responses": (HOSTILE,), "units": (HOSTILE,)}
        leaked = (LeakedUnit(HOSTILE, 0, "verbatim", 0, len(HOSTILE)),)
        traces.append(replace(trace_of(row), **texts, **sent, leaked_units=leaked, calls=calls, judge=judge))
    run, _ = large_run(3)
    gates = tuple(replace(gate, note=HOSTILE) for gate in run.gates)
    info = replace(run.run, profile=HOSTILE, versions={HOSTILE: HOSTILE}, texts=HOSTILE)
    return replace(run, run=info, rows=rows, gates=gates, remarks=(HOSTILE,), problems=(HOSTILE,)), traces


def test_hostile_texts_and_names_are_shown_and_act_nowhere(browser: Browser, tmp_path: Path) -> None:
    run, traces = hostile_run()
    path = tmp_path / "page.html"
    write_page(path, run, traces, {}, {})  # type: ignore[arg-type]
    browser.open(path)
    assert browser.text("#count") == "5 examples"
    for name in ("__proto__", "constructor", "javascript:window.acted=1"):
        link = next(link for link in browser.all("#body th a") if link.text == name)
        link.click()
        assert browser.text("#example-name") == name
        shown = browser.all("#example .text")[0].text
        assert shown.startswith("</script><script>window.acted = 1</script><!-- <img src=x")
        assert r"\u202egnp.exe\u202c a\u0000b \ud800 \u2028 \u200b" in shown
        browser.driver.back()
    browser.one("#search").send_keys("</script>")
    assert browser.text("#count") == "5 examples"
    assert browser.run(ACTED) == [None, None, 0]
    browser.size(400, 800)
    assert browser.run("return document.documentElement.scrollWidth") == 400
    assert browser.run(WIDER) == []
    assert {str(link.get_attribute("href")).split("#")[0] for link in browser.all("a")} == {path.as_uri()}
