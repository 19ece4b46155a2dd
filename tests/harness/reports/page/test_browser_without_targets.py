"""The page of a run without targets in a real browser: no column, part or word of quality, and the worst first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.pages import run_page
from evals.harness.reports.page.writing import write_page
from papillon.results import RunResult
from tests.chromium import Browser
from tests.harness.reports.page.samples import large_run, trace_of

pytestmark = pytest.mark.slow


def bare_run(count: int) -> RunResult:
    run, _ = large_run(count)
    none = dict.fromkeys(("quality", "verdict", "overall", "tutorial_overall"))
    rows = tuple(replace(row, **none) for row in run.rows)
    return replace(
        run, run=replace(run.run, targets=False), rows=rows, gates=(), controls=(), gains=(), judge=(), agreement=None
    )


def test_the_table_has_no_column_of_quality_and_begins_with_the_worst(browser: Browser, tmp_path: Path) -> None:
    run = bare_run(60)
    run_page(tmp_path / "page.html", run, None)
    browser.open(tmp_path / "page.html")
    heads = [head.text for head in browser.all("#heads th")]
    assert "leakage" in heads
    assert not {"quality", "overall", "verdict"} & set(heads)
    shown = [link.text for link in browser.all("#body th a")]
    lost = [row.id for row in run.rows if row.status == "infrastructure_error"]
    assert shown[: len(lost)] == lost
    worth = {
        row.id: 0.0 if row.status == "program_error" else 1 - row.leakage for row in run.rows if row.leakage is not None
    }
    ranked = [worth[name] for name in shown[len(lost) :]]
    assert ranked == sorted(ranked)
    assert not re.search("[Qq]uality", browser.text("main"))


def test_an_opened_example_has_neither_a_target_nor_a_quality(browser: Browser, tmp_path: Path) -> None:
    run = bare_run(1)
    trace = replace(trace_of(run.rows[0]), target="", judge=())
    write_page(tmp_path / "page.html", run, [trace], {}, {})
    browser.open(tmp_path / "page.html", f"#{run.rows[0].id}")
    text = browser.text("#example")
    assert "Answer" in text
    assert "Leakage" in text
    assert not re.search("[Tt]arget|[Qq]uality|overall", text)
