"""What many runs came to: which belong together, and with which figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evals.harness.verdicts.gates import Threshold
from evals.harness.verdicts.history import scores_over_time
from evals.harness.verdicts.thresholds import judge_threshold
from papillon.results import Gain, GateResult, Row, RunResult, SplitInfo
from papillon.results.run import DatasetInfo, ModelNames
from papillon.units import UnitsCheck
from tests.harness.verdicts.samples import only, qualities, row
from tests.papillon.results.samples import INFO, gate

DATA = DatasetInfo("mini", "0" * 64, 60, "grouped", {"dev": 10, "test": 10})


def run(day: int, rows: list[Row], gates: tuple[GateResult, ...] = (), **info: Any) -> RunResult:
    """A whole run of ten examples a split on a day of November."""
    known = replace(INFO, id=f"run-{day}", started=f"2026-11-{day:02d}T06:00:00+00:00", dataset=DATA)
    splits = tuple(
        SplitInfo(name, len({each.id for each in rows if each.split == name}), 1, UnitsCheck(10, 0, {}, {}, 1, 0.0))
        for name in dict.fromkeys(each.split for each in rows)
    )
    return RunResult(replace(known, **info), tuple(rows), gates, (), splits)


def test_comparable_runs_of_a_profile_stand_in_one_strand_for_each_split() -> None:
    tests = [row(i, split="test") for i in range(10)]
    history = scores_over_time([run(1, qualities(5, 5)), run(2, [*qualities(8, 2), *tests])], ["quality"])
    dev, test = history.strands
    assert [(entry.run, entry.scores["quality"].value) for entry in dev.entries] == [("run-1", 0.5), ("run-2", 0.8)]
    assert (test.split, len(test.entries), test.whole, test.profile, test.data) == ("test", 1, 10, "small", "mini")


@pytest.mark.parametrize(
    "other",
    [
        {"profile": "large"},
        {"dataset": replace(DATA, sha256="1" * 64)},
        {"dataset": replace(DATA, split="tutorial")},
        {"models": ModelNames("l", "u", "another judge")},
        {"scores": 1},
    ],
)
def test_runs_of_other_data_split_judge_or_profile_stand_apart(other: dict[str, Any]) -> None:
    runs = [run(1, qualities(5, 5)), run(2, qualities(8, 2), **other), run(3, qualities(9, 1))]
    strands = scores_over_time(runs, ["quality"]).strands
    assert [[entry.run for entry in strand.entries] for strand in strands] == [["run-2"], ["run-1", "run-3"]]


def test_an_interval_is_the_gates_own_where_there_is_one_else_the_same_computed_anew() -> None:
    rows = qualities(7, 3)
    judged = only(judge_threshold(Threshold("dev", "quality", min=0.5), rows))
    with_gate, without = (
        scores_over_time([run(1, rows, gates)], ["quality"]).strands[0].entries[0].scores["quality"]
        for gates in ((judged,), ())
    )
    assert with_gate == without
    assert (without.value, without.low, without.high, without.n) == (judged.value, judged.low, judged.high, 10)
    told = replace(judged, value=0.25, low=0.125, high=0.5)
    assert scores_over_time([run(1, rows, (told,))], ["quality"]).strands[0].entries[0].scores["quality"].value == 0.25


def test_bounds_and_accepted_means_are_the_newest_runs() -> None:
    regression = GateResult("regression", "dev", "quality", 0.0, -0.1, 0.1, 10, 10, "pass", before=0.75, after=0.75)
    older = run(1, qualities(5, 5), (gate(min=0.25), regression))
    newer = run(2, qualities(5, 5), (gate(min=0.5), gate(metric="leakage", min=None, max=0.25)))
    (strand,) = scores_over_time([older, newer], ["quality"]).strands
    assert [(bound.metric, bound.min, bound.max) for bound in strand.bounds] == [("quality", 0.5, None)]
    assert strand.baselines == {"quality": 0.75}
    assert strand.entries[0].verdicts == {"pass": 2}


def test_a_run_that_saw_a_part_of_its_split_or_lost_a_score_is_left_out_unless_it_is_asked_for() -> None:
    part, lost = run(1, qualities(3, 0)), run(2, [*qualities(9, 0), row(9, failed=True)])
    whole = run(3, qualities(10, 0))
    empty = run(4, [])
    history = scores_over_time([part, lost, whole, empty], ["quality"])
    assert [entry.run for entry in history.strands[0].entries] == ["run-3"]
    assert history.left_out == {
        "run-1": "it saw 3 of 10 examples of dev",
        "run-2": "1 of its 10 rows have no score",
        "run-4": "it has no rows",
    }
    history = scores_over_time([part, lost, whole, empty], ["quality"], partial=True)
    assert [(entry.run, entry.seen) for entry in history.strands[0].entries] == [
        ("run-1", 3),
        ("run-2", 10),
        ("run-3", 10),
    ]
    assert history.left_out == {"run-4": "it has no rows"}


def test_the_gain_is_the_runs_own_and_what_a_run_does_not_know_is_nothing() -> None:
    gained = replace(run(1, qualities(5, 5)), gains=(Gain("dev", 0.125, -0.25, 0.5, 10, 10),))
    older = run(2, [replace(each, carried=None) for each in qualities(5, 5)])
    first, second = scores_over_time([gained, older], ["gain", "carried"]).strands[0].entries
    assert (first.scores["gain"].value, first.scores["gain"].low, first.scores["gain"].n) == (0.125, -0.25, 10)
    assert [(score.value, score.low, score.n) for score in second.scores.values()] == [(None, None, 0)] * 2


def test_figures_that_cannot_be_true_are_none() -> None:
    (strand,) = scores_over_time(
        [run(1, [replace(each, quality=7.0) for each in qualities(10, 0)])], ["quality"]
    ).strands
    assert strand.entries[0].scores["quality"].value is None
