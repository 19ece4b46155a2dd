"""Regressions: what passes, what fails, what cannot be told, and what each says about itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.verdicts.gates import Regression
from evals.harness.verdicts.regressions import judge_regressions
from evals.harness.verdicts.statistics import chance_worsening
from papillon.results.rows import METRICS
from papillon.results.words import moves
from tests.benchmarks.bench_statistics import baseline_of
from tests.harness.verdicts.samples import qualities, regress, row


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

    def test_a_baseline_of_before_carried_was_measured_decides_nothing_and_says_what_to_do(self) -> None:
        before = [replace(row(i), carried=None) for i in range(5)]
        result = regress(before, qualities(5, 0), "carried")
        assert (result.verdict, result.value) == ("inconclusive", None)
        said = "no example of dev has carried in the baseline accepted.json, so accept this run's scores"
        assert result.note == f"{said} with --eval-accept"

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 8)), min_size=1, max_size=30))
    @settings(max_examples=30, deadline=None)
    def test_a_larger_allowed_drop_never_judges_more_harshly(self, seen: list[tuple[bool, bool, int]]) -> None:
        before = [row(i, quality=float(a), group=str(g)) for i, (a, _, g) in enumerate(seen)]
        after = [row(i, quality=float(b), group=str(g)) for i, (_, b, g) in enumerate(seen)]
        rank = {"fail": 0, "inconclusive": 1, "pass": 2}
        ranks = [rank[regress(before, after, max_drop=drop).verdict] for drop in (0.0, 0.05, 0.2, 0.5, 1.0)]
        assert ranks == sorted(ranks)
