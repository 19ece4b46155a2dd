"""Gates: what passes, what fails, what cannot be told, and what each says about itself."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.verdicts.gates import (
    GateResult,
    Regression,
    Threshold,
    could_not_see,
    could_see,
    deferred,
    judge_gain,
    judge_regressions,
    judge_threshold,
    moves,
    threshold_verdict,
)
from evals.harness.verdicts.statistics import chance_worsening
from papillon.results.rows import METRICS, Row, Status
from tests.benchmarks.bench_statistics import World, alarms, baseline_of


def row(
    i: int,
    quality: float = 1.0,
    leaked: int = 0,
    *,
    units: int = 1,
    trial: int = 0,
    group: str | None = None,
    failed: bool = False,
    split: str = "dev",
    status: Status = "scored",
) -> Row:
    """A scored row or a program error, or with ``failed`` an infrastructure error."""
    name = f"{split}-{i:04d}"
    if failed:
        nothing = (None,) * 4
        return Row(name, split, trial, group or name, "infrastructure_error", "refused", *nothing, units, *nothing, 0.0)
    leakage = leaked / units if units else 0.0
    overall = (quality + 1 - leakage) / 2
    return Row(
        name,
        split,
        trial,
        group or name,
        status,
        None,
        quality,
        "tie",
        leaked,
        leaked,
        units,
        leakage,
        leaked,
        overall,
        overall,
        0.0,
    )


def qualities(good: int, bad: int, **more: Any) -> list[Row]:
    return [row(i, quality=float(i < good), **more) for i in range(good + bad)]


def only(results: list[GateResult]) -> GateResult:
    (result,) = results
    return result


def regress(
    before: Sequence[Row],
    after: Sequence[Row],
    metric: str = "quality",
    max_drop: float | None = None,
    max_unproven_drop: float = 0.10,
) -> GateResult:
    gate = Regression("dev", metric, "accepted.json", max_drop, max_unproven_drop)
    return only(judge_regressions([gate], after, baseline_of(before)))


class TestThresholds:
    def test_a_mean_on_its_bound_passes_though_binary_fractions_differ(self) -> None:
        rows = [row(i, leaked=1, units=10) for i in range(3)]
        result = only(judge_threshold(Threshold("dev", "leakage", max=0.1), rows))
        assert result.value is not None
        assert result.value > 0.1
        assert result.verdict == "pass"

    def test_each_bound_has_a_result_of_its_own(self) -> None:
        low, high = judge_threshold(Threshold("dev", "quality", min=0.5, max=0.7), qualities(8, 2))
        assert (low.verdict, low.min, low.max) == ("pass", 0.5, None)
        assert (high.verdict, high.min, high.max) == ("fail", None, 0.7)

    def test_the_result_is_the_contracts_object_with_words_added(self) -> None:
        data = only(judge_threshold(Threshold("dev", "quality", min=0.5), qualities(18, 2))).to_json()
        assert list(data) == [
            "kind",
            "split",
            "metric",
            "value",
            "low",
            "high",
            "n",
            "groups",
            "min",
            "verdict",
            "note",
        ]
        assert (data["kind"], data["value"], data["n"], data["groups"]) == ("threshold", 0.9, 20, 20)
        assert json.loads(json.dumps(data)) == data
        assert data["note"] == (
            "quality is 0.900 (0.685 to 0.988), at least 0.5 is asked; the smallest difference it could have seen is "
            f"{100 * 2.8016 * (0.9 - data['low']) / 1.96:.1f} points"
        )

    def test_the_smallest_visible_difference_is_named_also_when_all_rows_agree(self) -> None:
        note = only(judge_threshold(Threshold("dev", "quality", min=0.5), qualities(20, 0))).note
        assert "the smallest difference it could have seen is 24." in note

    @pytest.mark.parametrize(("good", "verdict"), [(200, "pass"), (185, "inconclusive"), (150, "fail")])
    def test_a_confident_bound_is_asked_of_the_whole_interval(self, good: int, verdict: str) -> None:
        result = only(
            judge_threshold(Threshold("dev", "quality", min=0.8, confident=True), qualities(good, 225 - good))
        )
        assert result.verdict == verdict
        assert "at least 0.8 is asked of the whole interval" in result.note
        assert ("examples would decide it" in result.note) == (verdict == "inconclusive")

    @pytest.mark.parametrize(("good", "bad", "bound"), [(185, 40, 0.8), (20, 0, 0.9)])
    def test_as_many_examples_as_an_inconclusive_gate_asks_for_do_decide_it(
        self, good: int, bad: int, bound: float
    ) -> None:
        gate = Threshold("dev", "quality", min=bound, confident=True)
        note = only(judge_threshold(gate, qualities(good, bad))).note
        needed = int(note.split("about ")[1].split()[0])
        assert good + bad < needed < 5000
        more = round(needed * good / (good + bad))
        assert only(judge_threshold(gate, qualities(more, needed - more))).verdict == "pass"

    def test_a_mean_on_a_confident_bound_says_that_no_number_would_decide(self) -> None:
        result = only(judge_threshold(Threshold("dev", "quality", min=0.8, confident=True), qualities(180, 45)))
        assert result.verdict == "inconclusive"
        assert "no practical number of examples would decide it: the mean lies on the bound" in result.note

    @given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
    def test_being_confident_never_turns_a_fail_into_a_pass(self, a: float, b: float, c: float, bound: float) -> None:
        low, value, high = sorted((a, b, c))
        for limit in ("minimum", "maximum"):
            plain = threshold_verdict(value, low, high, **{limit: bound})
            sure = threshold_verdict(value, low, high, **{limit: bound}, confident=True)
            assert plain in ("pass", "fail")
            assert sure in (plain, "inconclusive")

    def test_one_row_without_a_score_keeps_a_gate_from_passing_and_from_failing(self) -> None:
        rows = [*qualities(20, 0), row(20, failed=True)]
        for bound in (0.5, 1.0):
            result = only(judge_threshold(Threshold("dev", "quality", min=bound), rows))
            assert result.verdict == "inconclusive"
            assert result.note.startswith(
                "1 of 21 rows have no score (infrastructure errors), so this gate cannot pass; quality is 1.000"
            )

    @pytest.mark.parametrize(
        ("rows", "note"),
        [
            ([], "no example was scored"),
            ([row(0, split="test")], "no example was scored"),
            ([row(0, failed=True)], "1 of 1 rows have no score (infrastructure errors), so this gate cannot pass"),
        ],
    )
    def test_nothing_scored_is_never_a_pass(self, rows: list[Row], note: str) -> None:
        result = only(judge_threshold(Threshold("dev", "errors", max=1.0), rows))
        assert (result.verdict, result.value, result.low, result.n, result.max) == ("inconclusive", None, None, 0, 1.0)
        assert result.note.startswith(note)

    def test_a_limited_run_says_that_it_saw_a_part(self) -> None:
        result = only(judge_threshold(Threshold("dev", "quality", min=0.5), qualities(20, 0), of=225))
        assert result.verdict == "pass"
        assert result.note.endswith("judged on 20 of 225 examples")

    def test_trials_count_once_for_each_example_and_their_variance_is_told(self) -> None:
        firsts = [1.0] * 12 + [0.0] * 8
        seconds = [1.0] * 10 + [0.0] * 10
        rows = [row(i, trial=t, quality=q[i]) for i in range(20) for t, q in enumerate((firsts, seconds))]
        result = only(judge_threshold(Threshold("dev", "quality", min=0.5), rows))
        assert (result.value, result.n) == (0.55, 20)
        assert result.note.endswith("sd 0.46 between examples, 0.22 within one")

    def test_rows_of_one_group_make_the_interval_wider(self) -> None:
        apart = only(judge_threshold(Threshold("dev", "quality", min=0.5), qualities(30, 10)))
        rows = [row(i, quality=float(i < 30), group=str(i // 5)) for i in range(40)]
        together = only(judge_threshold(Threshold("dev", "quality", min=0.5), rows))
        assert (apart.groups, together.groups) == (40, 8)
        assert together.high - together.low > 1.5 * (apart.high - apart.low)  # type: ignore[operator]

    def test_a_shards_results_are_deferred_with_their_numbers(self) -> None:
        result = only(judge_threshold(Threshold("dev", "quality", min=0.5), qualities(4, 1)))
        assert deferred(result).verdict == "deferred"
        assert deferred(result).value == 0.8
        assert "the job that imports what all shards exported judges the whole" in deferred(result).note


class TestGain:
    def test_it_is_the_paired_difference_in_overall_from_the_control(self) -> None:
        control = [row(i, quality=float(i % 2)) for i in range(20)]
        result = only(judge_gain(Threshold("dev", "gain", min=0.1), [row(i) for i in range(20)], control))
        assert (result.metric, result.value, result.verdict, result.n) == ("gain", 0.25, "pass", 20)
        assert result.low is not None
        assert 0 < result.low < 0.25 - 1.96 * 0.25 / 20**0.5

    def test_a_loss_against_the_control_is_negative(self) -> None:
        result = only(judge_gain(Threshold("dev", "gain", min=0), [row(i, 0.0) for i in range(20)], qualities(20, 0)))
        assert (result.value, result.verdict) == (-0.5, "fail")

    @pytest.mark.parametrize(
        ("control", "note"),
        [
            ([row(0), row(1), row(2, failed=True)], "1 of 6 rows have no score (infrastructure errors)"),
            ([row(0), row(1)], "1 of 3 examples have no control"),
            ([], "3 of 3 examples have no control"),
        ],
    )
    def test_a_control_that_is_not_whole_decides_nothing(self, control: list[Row], note: str) -> None:
        result = only(judge_gain(Threshold("dev", "gain", min=-1), qualities(3, 0), control))
        assert result.verdict == "inconclusive"
        assert result.note.startswith(f"{note}, so this gate cannot pass")


class TestRegressions:
    def test_a_demonstrated_worsening_fails_and_lists_what_flipped(self) -> None:
        result = regress(qualities(200, 25), qualities(180, 45))
        assert result.verdict == "fail"
        assert result.value == pytest.approx(-20 / 225)
        assert len(result.flipped) == 20
        assert result.flipped[0].to_json() == {"id": "dev-0180", "before": 1.0, "after": 0.0}
        assert result.note.startswith("quality went from 0.889 to 0.800, a change of -8.9 points (-13.")
        assert "worse beyond chance (p = 1.9e-06 by exact McNemar on deduplicated rows)" in result.note

    def test_its_object_is_the_contracts_with_words_and_flips_added(self) -> None:
        data = regress(qualities(20, 5), qualities(20, 5), max_drop=0.3).to_json()
        keys = "kind split metric value low high n groups baseline max_drop verdict note flipped"
        assert list(data) == keys.split()
        assert (data["kind"], data["baseline"], data["max_drop"], data["flipped"]) == (
            "regression",
            "accepted.json",
            0.3,
            [],
        )
        assert "max_drop" not in regress(qualities(20, 5), qualities(20, 5)).to_json()

    def test_a_worsening_that_chance_explains_passes_and_says_what_it_could_not_see(self) -> None:
        result = regress(qualities(200, 25), qualities(197, 28))
        assert result.verdict == "pass"
        assert "a worsening under 3.5 points could not have been seen" in result.note

    def test_an_improvement_never_fails(self) -> None:
        for max_drop in (None, 0.05):
            assert regress(qualities(150, 75), qualities(220, 5), max_drop=max_drop).verdict == "pass"

    @pytest.mark.parametrize("metric", ["leakage", "verbatim_leakage"])
    def test_more_leakage_is_worse_and_less_is_not(self, metric: str) -> None:
        clean, leaky = ([row(i, leaked=int(i < k)) for i in range(225)] for k in (10, 40))
        assert regress(clean, leaky, metric).verdict == "fail"
        assert regress(leaky, clean, metric).verdict == "pass"
        assert regress(clean, leaky, metric).flipped[0].after == 1.0

    def test_the_same_recorded_calls_still_leave_room_for_doubt(self) -> None:
        result = regress(qualities(15, 5), qualities(15, 5), max_drop=0.05)
        assert (result.value, result.verdict) == (0.0, "inconclusive")
        assert result.low == pytest.approx(0.025 ** (1 / 20) - 1, abs=0.01)
        assert regress(qualities(150, 75), qualities(150, 75), max_drop=0.05).verdict == "pass"

    @pytest.mark.parametrize(("fewer", "verdict"), [(0, "pass"), (8, "inconclusive"), (40, "fail")])
    def test_with_max_drop_it_passes_fails_or_cannot_tell(self, fewer: int, verdict: str) -> None:
        result = regress(qualities(200, 25), qualities(200 - fewer, 25 + fewer), max_drop=0.05)
        assert result.verdict == verdict
        said = {
            "pass": "a worsening of 5.0 points is excluded",
            "inconclusive": "a worsening of 5.0 points is neither shown nor excluded; about ",
            "fail": "worse by more than 5.0 points (p = ",
        }
        assert said[verdict] in result.note

    def test_as_many_examples_as_an_inconclusive_regression_asks_for_do_settle_it(self) -> None:
        note = regress(qualities(200, 25), qualities(192, 33), max_drop=0.06).note
        needed = int(note.split("about ")[1].split()[0])
        good, fewer = round(needed * 200 / 225), round(needed * 8 / 225)
        before, after = qualities(good, needed - good), qualities(good - fewer, needed - good + fewer)
        assert regress(before, after, max_drop=0.06).verdict == "pass"

    def test_several_metrics_share_the_risk_of_a_false_alarm(self) -> None:
        before = [row(i, leaked=0) for i in range(100)]
        after = [row(i, quality=float(i >= 6), leaked=int(i == 50)) for i in range(100)]
        assert regress(before, after).verdict == "fail"
        together = [Regression("dev", metric, "b") for metric in ("quality", "leakage")]
        first, _ = judge_regressions(together, after, baseline_of(before))
        assert first.verdict == "pass"
        assert (
            "its interval lies on the bad side of 0, but p = 0.062 by exact McNemar on deduplicated rows "
            "and Holm over 2 metrics" in first.note
        )

    def test_six_of_ten_rows_that_leak_more_and_none_less_are_no_pass(self) -> None:
        before = [row(i, leaked=int(i == 9), units=3) for i in range(10)]
        after = [row(i, leaked=int(i < 6 or i == 9), units=3) for i in range(10)]
        asked = [Regression("dev", metric, "b") for metric in ("quality", "leakage")]
        quality, leakage = judge_regressions(asked, after, baseline_of(before))
        assert (quality.verdict, leakage.verdict) == ("pass", "inconclusive")
        assert leakage.note.startswith("leakage went from 0.033 to 0.233, a change of +20.0 points")
        assert "6 rose, 0 fell; worse by more than 10.0 points (max_unproven_drop), though not beyond chance" in (
            leakage.note
        )
        chance = f"{100 * chance_worsening(10, 0.10):.2g}%"
        assert (
            f"with no real change, and 15% of the rows flipping each way, {chance} of runs over 10 examples would be "
            "held up so; about " in leakage.note
        )
        assert "examples would decide it" in leakage.note
        assert leakage.smallest is not None
        assert f"a worsening under {100 * leakage.smallest:.1f} points could not have been seen" in leakage.note

    @pytest.mark.parametrize(("fell", "verdict"), [(2, "pass"), (3, "inconclusive"), (12, "fail")])
    def test_a_worsening_up_to_what_may_stay_unproven_passes_more_does_not(self, fell: int, verdict: str) -> None:
        assert regress(qualities(20, 0), qualities(20 - fell, fell)).verdict == verdict
        lenient = "fail" if verdict == "fail" else "pass"
        assert regress(qualities(20, 0), qualities(20 - fell, fell), max_unproven_drop=0.15).verdict == lenient

    @pytest.mark.parametrize("metric", METRICS)
    def test_what_counts_as_a_worsening_of_each_metric(self, metric: str) -> None:
        good = [row(i) for i in range(20)]
        bad = [
            row(i, quality=0.0, leaked=1, status="program_error" if metric == "errors" else "scored") for i in range(3)
        ]
        assert regress(good, [*bad, *good[3:]], metric).verdict == "inconclusive"
        assert regress([*bad, *good[3:]], good, metric).verdict == "pass"

    def test_as_many_examples_as_an_unproven_worsening_asks_for_do_demonstrate_it(self) -> None:
        note = regress(qualities(20, 0), qualities(17, 3)).note
        needed = int(note.split("about ")[1].split()[0])
        fell = round(needed * 3 / 20)
        assert needed > 20
        assert regress(qualities(needed, 0), qualities(needed - fell, fell)).verdict == "fail"

    def test_a_pass_says_what_moved_and_what_it_could_not_have_seen(self) -> None:
        before = [row(i, quality=float(i not in (0, 1))) for i in range(60)]
        result = regress(before, [row(i, quality=float(i not in (1, 2, 3))) for i in range(60)])
        assert (result.verdict, moves(result.flipped)) == ("pass", "1 rose, 2 fell")
        assert (result.before, result.after) == (pytest.approx(58 / 60), pytest.approx(57 / 60))
        assert result.smallest is not None
        assert result.note.endswith(f"a worsening under {100 * result.smallest:.1f} points could not have been seen")

    def test_copies_of_one_query_are_no_evidence_of_their_own(self) -> None:
        before = [row(i, group="copied" if i < 20 else None) for i in range(60)]
        after = [row(i, quality=float(i >= 20), group="copied" if i < 20 else None) for i in range(60)]
        assert regress(before, after).verdict == "inconclusive"
        apart = [row(i, quality=float(i >= 20)) for i in range(60)]
        assert regress([row(i) for i in range(60)], apart).verdict == "fail"

    def test_many_small_losses_beside_a_larger_gain_are_no_worsening(self) -> None:
        group = ["large"] * 30 + [None] * 60
        before = [row(i, quality=float(i >= 30), group=g) for i, g in enumerate(group)]
        after = [row(i, quality=float(not 50 <= i < 62), group=g) for i, g in enumerate(group)]
        result = regress(before, after)
        assert result.value is not None
        assert result.value > 0
        assert result.verdict == "pass"

    def test_graded_quality_is_compared_by_the_bootstrap(self) -> None:
        before = [row(i, quality=0.5) for i in range(60)]
        result = regress(before, [row(i, quality=0.25 if i < 40 else 0.5) for i in range(60)])
        assert result.verdict == "fail"
        assert "by paired bootstrap" in result.note

    def test_trials_are_averaged_on_each_side_even_when_their_numbers_differ(self) -> None:
        before = [row(i) for i in range(40)]
        after = [row(i, quality=float(trial == 0), trial=trial) for i in range(40) for trial in range(2)]
        assert regress(before, after).value == -0.5

    def test_a_missing_score_decides_nothing(self) -> None:
        before = qualities(200, 25)
        result = regress(before, [*qualities(150, 74), row(224, failed=True)])
        assert result.verdict == "inconclusive"
        assert result.note.startswith("1 of 225 rows have no score (infrastructure errors), so this gate cannot pass; ")

    def test_examples_that_the_baseline_lacks_are_left_out_and_counted(self) -> None:
        result = regress(qualities(20, 0), qualities(25, 0))
        assert (result.verdict, result.n) == ("pass", 20)
        assert "5 of 25 examples are not in the baseline and were left out" in result.note

    def test_a_limited_run_is_compared_on_what_it_saw(self) -> None:
        (result,) = judge_regressions(
            [Regression("dev", "quality", "b")], qualities(20, 0), baseline_of(qualities(200, 0)), of=200
        )
        assert (result.verdict, result.n) == ("pass", 20)
        assert result.note.endswith("judged on 20 of 200 examples")

    def test_a_split_that_the_baseline_does_not_hold_decides_nothing(self) -> None:
        result = regress([row(0, split="test")], qualities(5, 0))
        assert (result.verdict, result.value, result.baseline) == ("inconclusive", None, "accepted.json")
        assert result.note == "no example of dev stands in the baseline accepted.json"

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1, max_size=30))
    @settings(max_examples=30, deadline=None)
    def test_a_larger_allowed_drop_never_judges_more_harshly(self, seen: list[tuple[bool, bool, int]]) -> None:
        before = [row(i, quality=float(a), group=str(g)) for i, (a, _, g) in enumerate(seen)]
        after = [row(i, quality=float(b), group=str(g)) for i, (_, b, g) in enumerate(seen)]
        rank = {"fail": 0, "inconclusive": 1, "pass": 2}
        ranks = [rank[regress(before, after, max_drop=drop).verdict] for drop in (0.0, 0.05, 0.2, 0.5, 1.0)]
        assert ranks == sorted(ranks)


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
        seen = alarms(name, 0.0, same=0.0, runs=2000)
        assert seen.either <= 0.05
        assert seen.naive_either > 0.08

    @pytest.mark.slow
    def test_a_real_drop_of_eight_points_is_seen_and_not_waved_through(self) -> None:
        seen = alarms("225 in 190 groups", 0.08, same=0.7, runs=500)
        assert seen.either > 0.9
        assert seen.within_max_drop <= 0.04


def test_no_gate_says_that_it_sees_more_than_there_is() -> None:
    assert could_see(0.05) == "the smallest difference it could have seen is 5.0 points"
    assert could_see(1.2) == "it could not have seen a difference of 100 points"
    assert could_not_see(1.2) == "a worsening under 100.0 points could not have been seen"
