"""Thresholds and the gain: what passes, what fails, what cannot be told, and what each says about itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.verdicts.gates import Threshold, deferred, threshold_verdict
from evals.harness.verdicts.thresholds import judge_gain, judge_threshold
from papillon.results import Row
from tests.harness.verdicts.samples import only, qualities, row


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


class TestCarried:
    """Rows whose data do not say what the task is are left out, and counted."""

    ROWS = tuple(replace(row(i, carried=0.5), carried=None if i < 4 else 0.5) for i in range(20))

    def test_the_mean_is_over_the_rows_that_have_a_value(self) -> None:
        found = only(judge_threshold(Threshold("dev", "carried", min=0.4), self.ROWS, of=20))
        assert (found.verdict, found.value, found.n) == ("pass", 0.5, 16)
        assert "judged on 16 of 20 examples; 4 left out, whose gold redaction has no words" in found.note

    @pytest.mark.parametrize(("least", "verdict"), [(0.4, "pass"), (0.5, "inconclusive"), (0.7, "fail")])
    def test_a_confident_gate_asks_it_of_the_whole_interval(self, least: float, verdict: str) -> None:
        gate = Threshold("dev", "carried", min=least, confident=True)
        assert only(judge_threshold(gate, [row(i, carried=i % 2) for i in range(100)])).verdict == verdict
