"""Gates of every kind: rows that do not speak for a metric, and what holds of all of them together."""

from __future__ import annotations

import time

import pytest

from evals.harness.verdicts.gates import Regression, Threshold
from evals.harness.verdicts.regressions import judge_regressions
from evals.harness.verdicts.thresholds import judge_gain, judge_threshold
from papillon.results.rows import METRICS
from tests.benchmarks.bench_statistics import World, alarms, baseline_of
from tests.harness.verdicts.samples import only, regress, row


class TestRowsThatDoNotSpeak:
    """Errors and overall decide as always; of the rest too few scored rows, or units, say nothing."""

    @pytest.mark.parametrize(("errors", "spoken"), [(10, True), (11, False), (20, False)])
    @pytest.mark.parametrize("metric", METRICS)
    def test_over_mostly_program_errors_a_value_is_no_verdict(self, metric: str, errors: int, spoken: bool) -> None:
        rows = [row(i, status="program_error" if i < errors else "scored") for i in range(20)]
        verdict = "pass" if spoken or metric in ("errors", "overall") else "inconclusive"
        threshold = only(judge_threshold(Threshold("dev", metric, min=0.0), rows))
        regression = regress(rows, rows, metric)
        assert (threshold.verdict, regression.verdict) == (verdict, verdict)
        said = f"only {20 - errors} of 20 rows are scored, the others are program errors, so this gate cannot pass"
        assert threshold.note.startswith(said) == regression.note.startswith(said) == (verdict != "pass")

    @pytest.mark.parametrize("metric", METRICS)
    def test_where_no_row_has_a_unit_nothing_is_said_of_leaks(self, metric: str) -> None:
        rows = [row(i, units=0) for i in range(20)]
        verdict = "inconclusive" if metric in ("leakage", "verbatim_leakage", "joint") else "pass"
        assert only(judge_threshold(Threshold("dev", metric, max=1.0), rows)).verdict == verdict
        assert regress(rows, rows, metric).verdict == verdict
        one = [row(0), *rows[1:]]
        assert only(judge_threshold(Threshold("dev", metric, max=1.0), one)).verdict == "pass"


class TestAsAWhole:
    def test_every_gate_over_225_rows_takes_less_than_three_tenths_of_a_second(self) -> None:
        before, after = World("225 in 190 groups", 0.0, 0.5, seed=3).draw()
        baseline = baseline_of(before)
        taken = []
        for _ in range(3):
            start = time.process_time()
            for metric in METRICS:
                judge_threshold(Threshold("dev", metric, min=0.5, max=0.9, confident=True), after)
            judge_gain(Threshold("dev", "gain", min=0), after, before)
            judge_regressions([Regression("dev", metric, "b", 0.05) for metric in METRICS], after, baseline)
            taken.append(time.process_time() - start)
        assert min(taken) < 0.3

    def test_the_same_rows_in_any_order_give_the_same_verdicts(self) -> None:
        before, after = World("225 in 190 groups", 0.05, 0.5, seed=4).draw()
        asked = [Regression("dev", metric, "b") for metric in ("quality", "leakage", "overall")]
        one, other = (
            [result.to_json() for result in judge_regressions(asked, rows, baseline_of(before))]
            for rows in (after, after[::-1])
        )
        assert one == other

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["225 in 190 groups", "225 in 45 groups"])
    def test_without_a_real_change_at_most_one_gate_in_twenty_cries_wolf(self, name: str) -> None:
        seen = alarms(name, 0.0, same=0.0, runs=600)
        assert seen.either <= 0.05
        assert seen.naive_either > 0.08

    @pytest.mark.slow
    def test_a_real_drop_of_eight_points_is_seen_and_not_waved_through(self) -> None:
        seen = alarms("225 in 190 groups", 0.08, same=0.7, runs=250)
        assert seen.either > 0.9
        assert seen.within_max_drop <= 0.04
