"""The page of a run in a real browser: it opens, sorts, filters, searches, and links to each of its examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.pages import run_page
from evals.harness.reports.page.writing import write_page
from papillon.results import RunResult
from papillon.results.traces import LeakedUnit
from tests.chromium import Browser
from tests.harness.reports.page.samples import CANARY, large_run, paged, trace_of

pytestmark = pytest.mark.slow


def links(browser: Browser) -> list[str]:
    """The examples in the table, as they stand there."""
    return [link.text for link in browser.all("#body th a")]


def choose(browser: Browser, name: str, choice: str) -> None:
    select = browser.one(f"[data-filter={name}]")
    options = select.find_elements("css selector", "option")
    next(option for option in options if option.get_property("value") == choice).click()


def test_the_lexical_judge_gives_its_reason_in_an_opened_example(browser: Browser, tmp_path: Path) -> None:
    run, _ = large_run(1)
    row = replace(run.rows[0], units=1, leaked=1, judge_leaked=1, verbatim_leaked=0, quality=1.0)
    run = replace(run, rows=(row,), run=replace(run.run, models=replace(run.run.models, judge="lexical")))
    trace = replace(
        trace_of(row),
        units=("Trondheim",),
        requests=("To Trondhem",),
        leaked_units=(LeakedUnit("Trondheim", 0, "near", 3, 11),),
        response="Hello Bob.",
        target="Hello Ann <b>.",
        judge=(),
    )
    write_page(tmp_path / "page.html", run, [trace], {}, {})
    browser.open(tmp_path / "page.html", f"#{row.id}")
    text = browser.text("#example")
    assert "1.00, by a rule, no model: closeness to the target of 0.25 and more is quality 1." in text
    assert "Closeness 0.504 = content 0.588 × (1 + length 0.714) / 2." in text
    assert "Of the target’s words the answer lacks most by letters: ann, b." in text
    assert "Trondheim counts although it stands there only nearly." in text


class TestTable:
    def test_it_opens_with_the_verdict_and_what_could_not_be_told_first_in_the_table(
        self, browser: Browser, page: Path, run: RunResult
    ) -> None:
        browser.open(page)
        assert browser.driver.title == "Failed: small on mini"
        assert browser.text("#part-verdict") == "✗ Failed"
        assert browser.text("#count") == "225 examples"
        lost = [row.id for row in run.rows if row.overall is None]
        assert links(browser)[: len(lost)] == lost
        assert len(links(browser)) == 50
        assert browser.text("#place") == "1 to 50 of 225"

    def test_filters_let_through_what_fits_all_of_them(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page)
        choose(browser, "status", "scored")
        choose(browser, "leaks", "leaked verbatim")
        choose(browser, "category", "Healthcare")
        fits = {r.id for r in run.rows if r.status == "scored" and r.verbatim_leaked and r.category == "Healthcare"}
        assert browser.text("#count") == f"{len(fits)} of 225 examples"
        assert {*links(browser)} == fits
        browser.one("#clear").click()
        browser.wait("return document.getElementById('count').textContent === '225 examples'")

    def test_flips_and_verdicts_can_be_chosen(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page)
        choose(browser, "flipped", "worse")
        assert {*links(browser)} == {flip.id for gate in run.gates for flip in gate.flipped}
        choose(browser, "verdict", "worse")
        verdicts = {row.id: row.verdict for row in run.rows}
        assert {verdicts[link] for link in links(browser)} <= {"worse"}

    def test_a_head_sorts_either_way_and_says_so(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page)
        assert browser.one("[data-column=overall]").get_attribute("aria-sort") == "ascending"
        head = browser.one("[data-column=carried] button")
        head.click()
        head.click()
        assert browser.one("[data-column=carried]").get_attribute("aria-sort") == "descending"
        assert browser.one("[data-column=overall]").get_attribute("aria-sort") is None
        best = sorted((row for row in run.rows if row.carried is not None), key=lambda row: -(row.carried or 0))
        assert links(browser)[:5] == [row.id for row in best[:5]]

    def test_pages_turn(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        first = links(browser)
        browser.one("#later").click()
        assert browser.text("#place") == "51 to 100 of 225"
        assert not {*first} & {*links(browser)}
        browser.one("#earlier").click()
        assert links(browser) == first

    def test_a_search_finds_what_stands_in_texts_whatever_its_case(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        browser.one("#search").send_keys(CANARY.upper())
        assert browser.text("#count") == "3 of 225 examples"
        browser.press("ESCAPE")
        assert browser.text("#count") == "225 examples"
        browser.one("#search").send_keys("no such words anywhere")
        assert browser.text("#count") == "0 of 225 examples"

    def test_an_id_is_found_too(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page)
        browser.one("#search").send_keys(run.rows[7].id)
        assert links(browser) == [run.rows[7].id]


class TestLinks:
    def test_one_opens_on_load_by_the_whole_id_and_by_a_beginning(
        self, browser: Browser, page: Path, run: RunResult
    ) -> None:
        for fragment in (run.rows[8].id, "dev-0008"):
            browser.open(page, f"#{fragment}")
            assert browser.text("#example-name") == run.rows[8].id
            assert not browser.one("#overview").is_displayed()
            assert run.rows[8].id in browser.driver.title

    def test_back_and_forward_go_where_one_was(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page)
        choose(browser, "status", "program error")
        before = links(browser)
        browser.one("#body tr:nth-child(2) a").click()
        assert browser.text("#example-name") == before[1]
        browser.driver.back()
        assert browser.one("#overview").is_displayed()
        assert links(browser) == before
        assert browser.focused() == before[1]
        browser.driver.forward()
        assert browser.text("#example-name") == before[1]

    def test_a_name_that_is_none_leaves_the_overview(self, browser: Browser, page: Path) -> None:
        for fragment in ("#dev-9999", "#dev-00", "#%E0%A4%A", "#__proto__", "#constructor"):
            browser.open(page, fragment)
            assert browser.one("#overview").is_displayed()

    def test_a_part_can_be_linked_to_and_left_for(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page, "#part-controls")
        assert browser.run("return scrollY") > 0
        browser.run("location.hash = arguments[0]", run.rows[0].id)
        assert browser.text("#example-name") == run.rows[0].id

    def test_where_there_are_several_trials_each_has_its_own(self, browser: Browser, tmp_path: Path) -> None:
        run, _ = large_run(3, trials=2)
        path = paged(run, tmp_path)
        browser.open(path, f"#{run.rows[3].id}.1")
        assert browser.text("#example-name") == f"{run.rows[3].id} trial 1"
        browser.open(path, f"#{run.rows[3].id}")
        assert browser.text("#example-name") == f"{run.rows[3].id} trial 0"


class TestExample:
    def test_it_shows_everything_about_a_row(self, browser: Browser, page: Path, run: RunResult) -> None:
        row = next(row for row in run.rows if row.status == "scored" and (row.leaked or 0) > 1 and row.units > 2)
        browser.open(page, f"#{row.id}")
        assert {mark.text for mark in browser.all("mark.unit")} >= {"Ada Quill", "Harrow Build"}
        assert {mark.text for mark in browser.all("mark.verbatim")} >= {"Ada Quill", "Harrow Build"}
        assert browser.all("mark.only")
        said = browser.text("#example")
        for part in (
            *("Ada Quill · leaked word for word", "what left for openai/untrusted", "what came back"),
            *(
                "Is the answer, first, at least as good as the target? Yes",
                "The first is more complete.",
                "asked 2 times",
            ),
            *("the judge’s reason", "It names the person.", f"{row.leaked} of {row.units} units count as leaked."),
            *("tokens in", "8aef70b88aef", "0.000100", "replayed"),
        ):
            assert part in said, part

    def test_of_an_error_it_says_why(self, browser: Browser, page: Path, run: RunResult) -> None:
        browser.open(page, f"#{run.rows[5].id}")
        assert browser.text("#example .alert") == "The model could not be reached."
        assert "infrastructure error" in browser.text("#example")

    def test_what_was_searched_for_is_marked_in_it(self, browser: Browser, page: Path) -> None:
        browser.open(page)
        browser.one("#search").send_keys(CANARY)
        browser.one("#body tr:first-child a").click()
        assert browser.run("return CSS.highlights.get('found').size") == 1

    def test_a_page_without_texts_says_so(self, browser: Browser, run: RunResult, tmp_path: Path) -> None:
        run_page(tmp_path / "page.html", run, None)
        browser.open(tmp_path / "page.html", f"#{run.rows[0].id}")
        assert "The texts of this row are not in this page." in browser.text("#example")


def test_what_could_not_be_read_is_told_above_the_table(browser: Browser, tmp_path: Path) -> None:
    run, traces = large_run(3)
    write_page(tmp_path / "page.html", run, traces, {}, {}, [f"Line {line} is <b>none</b>." for line in range(7)])
    browser.open(tmp_path / "page.html")
    told = browser.text("#overview section:has(#part-examples) .alert")
    assert told.splitlines()[0] == "Line 0 is <b>none</b>."
    assert told.splitlines()[-1] == "The same holds for 2 more."


#: The bar is 100 ms where docs/report.md measured; another machine may be slower, and a fault is many times that.
PAUSE = 300
#: Runs something in the page and says how many milliseconds that took, with the layout that follows.
TIMED = "const begun = performance.now(); {0}; document.body.offsetHeight; return performance.now() - begun"
SET = "const one = document.{0}; one.value = '{1}'; one.dispatchEvent(new Event('{2}'))"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 5,000 examples, with texts of the length that PUPA's have."""
    run, _ = large_run(5000)
    path = tmp_path_factory.mktemp("large") / "page.html"
    write_page(path, run, (trace_of(row, 270) for row in run.rows), {}, {})
    return path


def test_the_first_letter_of_a_search_as_5000_examples_open_takes_no_pause(browser: Browser, large: Path) -> None:
    first = SET.format("getElementById('search')", CANARY[0].lower(), "input")
    taken = []
    for _ in range(3):
        browser.open(large)
        taken.append(browser.run(TIMED.format(first)))
    assert min(taken) < PAUSE
    browser.wait("return document.documentElement.dataset.read === 'all'")
    told = browser.text("#count")
    browser.run(first)
    assert browser.text("#count") == told
    assert "so far" not in told


def test_what_is_not_read_yet_is_searched_when_it_is(browser: Browser, large: Path) -> None:
    browser.open(large)
    search = SET.format("getElementById('search')", CANARY, "input")
    told = browser.run(f"{search}; return document.getElementById('count').textContent")
    assert told.endswith("of 5000 examples so far")
    browser.wait("return document.getElementById('count').textContent === '50 of 5000 examples'")


def test_5000_examples_are_filtered_searched_and_sorted_without_a_pause(browser: Browser, large: Path) -> None:
    browser.open(large)
    browser.wait("return document.documentElement.dataset.read === 'all'")
    for script in (
        SET.format("querySelector('[data-filter=status]')", "scored", "change"),
        SET.format("querySelector('[data-filter=leaks]')", "leaked verbatim", "change"),
        SET.format("getElementById('search')", "the", "input"),
        SET.format("getElementById('search')", CANARY, "input"),
        SET.format("getElementById('search')", "", "input"),
        "document.querySelector('[data-column=category] button').click()",
    ):
        # The quickest of three: others may have the processor.
        assert min(browser.run(TIMED.format(script)) for _ in range(3)) < PAUSE, script
