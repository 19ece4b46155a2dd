"""The overview: the verdict, and what failed or could not be told before all else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from evals.harness.reports.page.overview import headline, overview, trouble
from evals.harness.reports.page.writing import write_page
from evals.harness.verdicts.scores import scores_of
from papillon.results import ControlResult, Measure, RunResult
from papillon.results.correction import Correction
from papillon.results.rows import METRICS
from tests.harness.reports.page.samples import large_run, page_row
from tests.papillon.results.generated import results
from tests.papillon.results.samples import INFO, ROW, gate, result

SEEN = Correction("dev", "quality", Measure(0.7), Measure(0.8, 0.67, 0.89, 50), Measure(0.78, 0.68, 0.86, 50), 50, 190)
LOST = replace(page_row(5), id="dev-0005-0", error="The model could not be reached.")


@pytest.mark.parametrize(
    ("run", "verdict", "said"),
    [
        (result(), "pass", "The one gate or control: 1 passed."),
        (result(gates=(gate(), gate())), "pass", "All gates and controls: 2 passed."),
        (result(gates=(gate(verdict="fail"), gate())), "fail", "1 failed, 1 passed"),
        (result(gates=(gate(verdict="inconclusive"),)), "inconclusive", "1 could not be told."),
        (result(gates=(gate(verdict="deferred"),)), "deferred", "1 left to a later job."),
        (result(ROW, LOST), "inconclusive", "1 of 2 rows have no score, so this run cannot pass."),
        (result(gates=(), problems=("The file could not be written.",)), "inconclusive", "The file could not be"),
        (result(run=replace(INFO, begun=False)), "inconclusive", "nothing was evaluated"),
        (result(gates=()), "pass", "No gate was asked for."),
    ],
)
def test_the_headline_follows_from_the_result(run: RunResult, verdict: str, said: str) -> None:
    found, sentence = headline(run)
    assert found == verdict
    assert said in sentence
    assert (found in ("pass", "deferred")) == run.clean


@given(results)
def test_any_result_has_a_verdict_and_a_sentence(run: RunResult) -> None:
    found, sentence = headline(run)
    assert (found in ("pass", "deferred")) == run.clean
    assert sentence
    assert all(told.verdict in ("fail", "inconclusive") for told in trouble(run))


def test_rows_that_are_missing_are_told() -> None:
    run = result()
    _, sentence = headline(replace(run, splits=(replace(run.splits[0], selected=3),)))
    assert "2 rows of the selected examples are missing" in sentence


def test_what_failed_stands_before_what_could_not_be_told_before_rows_without_a_score() -> None:
    run = replace(large_run(20)[0], problems=("--eval-export: it cannot be written.",))
    told = list(trouble(run))
    assert [each.verdict for each in told] == ["fail", "fail", "inconclusive", "inconclusive", "inconclusive"]
    assert [each.title for each in told] == [
        *("dev-leakage", "control verbatim on dev", "dev-overall", "2 rows without a score", "problem"),
    ]
    assert told[3].note == "The model could not be reached."
    assert [name for _, name in told[3].links] == [row.id for row in run.rows if row.overall is None]


def test_a_clean_run_has_no_trouble() -> None:
    assert list(trouble(result())) == []


def test_a_splits_figures_have_their_intervals_and_the_worst_examples_are_scored_ones() -> None:
    run, _ = large_run(30)
    shown = overview(run, {"dev": scores_of(run.rows, METRICS)}, {})
    names = [name for name, _ in shown["splits"][0]["figures"]]
    assert names == ["quality", "leakage", "overall", "joint", "carried", "verbatim leakage", "errors"]
    assert all(seen.low is not None for _, seen in shown["splits"][0]["figures"])
    worst = [row.overall for _, row in shown["worst"]]
    assert worst == sorted(worst)
    assert None not in worst


def test_a_metric_that_no_row_has_is_left_out() -> None:
    rows = tuple(replace(page_row(i), carried=None) for i in range(3))
    shown = overview(result(*rows), {"dev": scores_of(rows, METRICS)}, {})
    assert "carried" not in [name for name, _ in shown["splits"][0]["figures"]]


def test_controls_that_could_not_be_told_are_named() -> None:
    control = ControlResult("empty", "dev", None, None, None, None, None, "inconclusive", "2 of 2 have no score")
    assert [(each.title, each.note) for each in trouble(result(controls=(control,)))] == [
        ("control empty on dev", "2 of 2 have no score")
    ]


def test_figures_beside_peoples_labels_stand_with_the_scores() -> None:
    shown = overview(result(corrected=(SEEN,)), {}, {})
    assert shown["corrected"] == [
        ("dev-quality", "0.700", "0.800 (0.670 to 0.890)", "0.780 (0.680 to 0.860)", "50 of 190")
    ]
    assert overview(result(), {}, {})["corrected"] == []


def test_the_page_has_them_as_a_table_and_says_what_they_lack(tmp_path: Path) -> None:
    run, traces = large_run(3)
    early = replace(SEEN, labels=None, corrected=None, labelled=3, early="3 rows have a label, and 10 are needed")
    write_page(tmp_path / "page.html", replace(run, corrected=(SEEN, early)), traces, {}, {})
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<h3>Beside people’s labels</h3>" in text
    assert '<th scope="row">dev-quality</th><td data-label="judge">0.700</td>' in text
    assert '<td data-label="corrected">0.780 (0.680 to 0.860)</td>' in text
    assert "it is too early to correct it: 3 rows have a label, and 10 are needed." in text
