"""The summary: a view of a run's result, whole or short, in any window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.reports.summary import clock, joined, short_lines, summary_lines
from papillon.results import ControlResult, Gain, JudgeReport, Measure, RunResult, SplitInfo
from papillon.results.run import Calls
from papillon.tables import width_of
from papillon.units import UnitsCheck
from tests.papillon.results.samples import INFO, ROW, gate, result

CAUSE = "It cannot be reached."
LOST = replace(ROW, id="dev-0001-1f3c9a2e", status="infrastructure_error", error=CAUSE, quality=None, overall=None)
POOR = replace(ROW, id="dev-0002-1f3c9a2e", quality=0.0, leaked=1, leakage=0.5, overall=0.25, error="not in format")


def text(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def rich() -> RunResult:
    """A run of which there is something to say in every part."""
    units = UnitsCheck(3, 1, {}, {"dev-0002-1f3c9a2e": 2}, 4, 0.1)
    return result(
        *(ROW, LOST, POOR),
        splits=(SplitInfo("dev", 3, 1, units),),
        gates=(gate(), gate(metric="leakage", verdict="fail", note="leakage is 0.500")),
        controls=(
            ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "inconclusive", f"lost ({CAUSE})", 1, (CAUSE,)),
        ),
        gains=(Gain("dev", 0.25, 0.125, 0.375, 2, 2),),
        judge=(JudgeReport("leakage", 2, (), (), {"kappa": Measure(0.5)}, {}, {}),),
        remarks=("Something to know.",),
    )


def test_it_says_what_ran_and_what_came_of_it() -> None:
    said = text(summary_lines(rich(), 120))
    for part in (
        "profile small · mini, grouped split · local openai/local",
        "judged by openai/judge",
        "Texts: all stay on this machine (127.0.0.1). Something to know.",
        "dev: 3 of 20 examples, 2 scored, 1 without a score; quality 0.500, leakage 0.250, overall 0.625",
        "dev: 1 of 3 rows have no unit; 2 units stand nowhere word for word in the query (dev-0002-1f3c9a2e).",
        "dev-leakage: leakage is 0.500.",
        "gain over local only on dev: +0.250 (+0.125 … +0.375, paired)",
        "judge on leakage: no bars are set, so nothing is judged",
        "dev-0002-1f3c9a2e overall 0.25 quality 0 leaked 1/2 not in format",
        "6 calls made, 0 replayed; 1200 tokens in (75% of them read once for all calls), 80 out; 0.0012 USD; 2.2 s",
    ):
        assert part in said, said


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("lines", [summary_lines, short_lines])
def test_it_fits_the_window(width: int, lines: object) -> None:
    assert max(map(width_of, lines(rich(), width))) <= width  # type: ignore[operator]


def test_the_short_one_says_where_texts_go_what_did_not_pass_and_the_cost() -> None:
    said = text(short_lines(rich(), 120))
    assert said.startswith("Texts: all stay on this machine")
    assert "dev-leakage" in said
    assert "dev-quality" not in said
    assert "worst examples" not in said
    assert "6 calls made" in said


def test_a_cause_that_the_rows_have_is_not_told_in_a_controls_note_again() -> None:
    said = text(summary_lines(rich(), 120))
    assert "dev-empty: lost (the same cause as the rows below)." in said
    assert CAUSE not in said


def test_scores_that_nothing_judges_are_said_to_be_shown_alone() -> None:
    free = result(splits=(replace(result().splits[0], gates=0),), gates=())
    said = "Profile small has no gates for dev: its scores are shown, not judged."
    assert said in text(summary_lines(free, 120))
    assert said in text(short_lines(free, 120))
    assert "No gate of dev was selected" in text(short_lines(result(gates=()), 120))


def test_bars_of_another_judge_are_set_aside_in_words() -> None:
    report = JudgeReport("quality", 2, (), (), {"kappa": Measure(0.5)}, {}, {}, bars=1)
    run = result(judge=(report,), run=replace(INFO, departs=("--eval-judge",)))
    assert "--eval-judge chose another, so nothing is judged." in text(short_lines(run, 120))
    assert "bars" not in text(short_lines(replace(run, run=INFO), 120))


def test_retries_failures_and_an_unknown_price_are_told() -> None:
    info = replace(INFO, calls=Calls(6, 1, 2, 3), cost_usd=None, wall_seconds=3725.0)
    said = text(short_lines(result(run=info), 200))
    assert "6 calls made, 1 replayed, 2 retried, 3 failed" in said
    assert "cost unknown (a model has no price); 1:02:05" in said


def test_times_and_parts_side_by_side() -> None:
    assert [clock(seconds) for seconds in (0, 61, 3725)] == ["0:00", "1:01", "1:02:05"]
    assert joined(["aaa", "bbb", "ccc"], 9) == ["aaa · bbb", "  ccc"]


def test_the_worst_examples_are_listed_once_with_their_worst_trial_and_the_command_that_shows_one() -> None:
    trials = (replace(POOR, trial=0, overall=0.5), replace(POOR, trial=1), replace(ROW, overall=0.75, trial=1))
    lines = summary_lines(result(*trials, run=replace(INFO, trials=2)), 120, show="papillon show")
    start = lines.index("worst examples, each with its texts by papillon show ID:")
    assert [line.split("  quality")[0] for line in lines[start + 1 : start + 3]] == [
        "  dev-0002-1f3c9a2e  trial 1  overall 0.25",
        "  dev-0000-1f3c9a2e  trial 1  overall 0.75",
    ]
    assert sum("dev-0002" in line for line in lines) == 1
    assert "worst examples:" in summary_lines(result(*trials), 120)
