"""Changes: what stands above the examples of two runs."""

from __future__ import annotations

from typing import Any

from evals.harness.reports.page.changes import changes
from evals.harness.verdicts.comparison import compare
from evals.harness.verdicts.scores import scores_of
from papillon.results import RunResult
from papillon.results.rows import METRICS
from tests.harness.reports.page.samples import changed, large_run


def shown(before: RunResult, after: RunResult) -> dict[str, Any]:
    sides = [(run, None, {"dev": scores_of(run.rows, METRICS)}) for run in (before, after)]
    return changes(compare(before, after), sides[0], sides[1])


def test_a_worsening_beyond_chance_is_what_the_page_says_first() -> None:
    before, _ = large_run(200)
    found = shown(before, changed(before))
    assert found["verdict"] == "fail"
    marked = {change.metric: moved for change, moved in found["splits"][0]["changes"]}
    assert (marked["quality"], marked["errors"]) == ("fail", "")
    assert found["splits"][0]["more"] == len(compare(before, changed(before)).splits[0].flipped) - 12
    assert all(name in found["pictures"][0] for name in (">before<", ">after<"))
    assert found["linked"]


def test_the_other_way_round_it_moved_for_the_better() -> None:
    before, _ = large_run(200)
    found = shown(changed(before), before)
    assert found["verdict"] == "pass"
    assert {change.metric: moved for change, moved in found["splits"][0]["changes"]}["quality"] == "pass"


def test_runs_with_the_same_rows_moved_nowhere() -> None:
    run, _ = large_run(20)
    found = shown(run, run)
    assert found["verdict"] == "deferred"
    assert found["comparison"].unchanged
