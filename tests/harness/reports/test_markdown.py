"""The run for a pull request: its verdict first, what moved by id, no text of a row, and never too long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from evals.harness.reports.markdown import MOST, nothing_markdown, run_markdown
from papillon.results import ControlResult, Flip, Gain, JudgeReport, Measure, RunResult, SplitInfo
from papillon.units import UnitsCheck
from tests.harness.reports.test_markup import HOSTILE, html_of
from tests.harness.reports.test_summary import LOST, POOR, rich
from tests.papillon.results.generated import results
from tests.papillon.results.samples import INFO, ROW, gate, result

#: What GitHub takes in a comment, in signs, and in a job's page, in bytes.
COMMENT, PAGE = 65_536, 2**20


def regression(**changed: Any) -> Any:
    asked = {"kind": "regression", "metric": "leakage", "min": None, "baseline": "openai-dev.json", "max_drop": None}
    seen = {"value": 0.1, "low": -0.05, "high": 0.25, "before": 0.2, "after": 0.3, "n": 20}
    return gate(**asked | seen | changed)


def first(run: RunResult) -> str:
    return run_markdown(run).splitlines()[0]


class TestTheFirstLine:
    def test_all_that_was_asked_holds(self) -> None:
        assert first(result()) == "## PASS: all 1 gates hold on 1 example of `dev`"

    def test_what_fails_is_named(self) -> None:
        control = ControlResult("target", "dev", 0.5, 0.0, 0.0, 0.0, 0.75, "fail", "why")
        run = result(gates=(gate(), gate(metric="leakage", verdict="fail")), controls=(control,))
        assert first(run) == (
            "## FAIL: 2 of 3 gates and controls do not hold on 1 example of `dev`: `dev-leakage`, `dev-target`"
        )

    def test_of_two_bounds_of_a_gate_the_one_that_does_not_hold_counts(self) -> None:
        for other in ("pass", "inconclusive"):
            run = result(gates=(gate(verdict="fail"), gate(min=None, max=0.9, verdict=other)))
            assert first(run) == "## FAIL: 1 of 1 gates do not hold on 1 example of `dev`: `dev-quality`"

    def test_what_cannot_be_told_is_named(self) -> None:
        run = result(gates=(gate(verdict="inconclusive"),))
        assert first(run) == "## INCONCLUSIVE: 1 of 1 gates cannot be told on 1 example of `dev`: `dev-quality`"

    def test_rows_without_a_score(self) -> None:
        assert first(result(ROW, LOST)) == "## INCOMPLETE: 1 of 2 rows have no score on 2 examples of `dev`"

    def test_a_ctrl_c_before_every_row_had_its_turn(self) -> None:
        run = result(splits=(replace(result().splits[0], selected=20),))
        assert first(run).startswith("## INCOMPLETE: not everything that was selected has its answer on 20 examples")

    def test_a_problem_beside_the_rows(self) -> None:
        run = result().with_problems("Expected to write x|y, but it cannot be written: No space left.")
        assert first(run).startswith("## INCOMPLETE: Expected to write x&#124;y, but it cannot be written: No space")

    def test_a_shard_leaves_the_verdict_to_the_last_job(self) -> None:
        run = result(gates=(gate(verdict="deferred"),))
        assert first(run) == (
            "## DEFERRED: a part of the run, complete on 1 example of `dev`; the job that imports all parts judges it"
        )

    def test_scores_that_nothing_is_asked_of(self) -> None:
        assert first(result(gates=())) == "## PASS: nothing was asked of the scores on 1 example of `dev`"

    def test_a_run_that_never_began(self) -> None:
        text = run_markdown(result(run=replace(INFO, begun=False)).with_problems("A worker died."), command="pytest x")
        assert text.startswith("## NOT RUN: No item got as far as asking for its result")
        assert "- A worker died." in text
        assert "| gate |" not in text

    def test_nothing_was_selected(self) -> None:
        text = nothing_markdown("No item matches -k 'a|b': 20 ids are there.", "pytest evals -k 'a|b'")
        assert text.startswith("## NOT RUN: No item matches -k 'a&#124;b': 20 ids are there.\n")
        assert "```sh\npytest evals -k 'a|b'\n```" in text


class TestWhatItHolds:
    def test_gates_with_value_interval_what_is_asked_verdict_and_n(self) -> None:
        text = run_markdown(result(gates=(gate(), regression(verdict="fail", note="worse beyond chance"))))
        assert "| `dev-quality` | 1.000 | 0.025 … 1.000 | ≥ 0.5 | PASS | 1 |" in text
        assert "| `dev-leakage-regression` | 0.100 | -0.050 … 0.250 | no drop | **FAIL** | 20 |" in text
        assert "- `dev-leakage-regression`: worse beyond chance." in text

    def test_what_moved_against_the_baseline_with_the_examples_that_flipped(self) -> None:
        flips = tuple(Flip(f"dev-{n:04d}-1f3c9a2e", 0.0, 1.0) for n in range(50))
        text = run_markdown(result(gates=(regression(flipped=flips),)))
        assert (
            "- `dev-leakage` 0.200 → 0.300, 50 rose, 0 fell against `openai-dev.json`: `dev-0000-1f3c9a2e` 0 → 1,"
            in text
        )
        assert "`dev-0019-1f3c9a2e` 0 → 1, 30 more\n" in text
        assert "dev-0020" not in text

    def test_scores_controls_judge_remarks_cost_and_the_command(self) -> None:
        text = run_markdown(rich(), command="pytest evals -m dev")
        for part in (
            "Profile `small` · `mini`, `grouped` split · local `openai/local`",
            "- 1 of 3 rows have no score, so this run cannot pass:",
            "- 1 × It cannot be reached.",
            "| `dev` | 3 of 20 | 0 | 1 | 0.500 | 0.250 | 0.625 |",
            "| `dev-empty` | 0.000 | 0.000 | 0.000 | 0.000 | – | 0.000 | **INCONCLUSIVE** |",
            "- Gain over never delegating on `dev`: +0.250 (+0.125 … +0.375)",
            "The judge on `leakage`: 2 cases, 2 right, 0 wrong",
            "| `kappa` | 0.500 | – | 0 |",
            "| `dev-0002-1f3c9a2e` | 0.250 | 0 | 1 of 2 | not in format |",
            "- Something to know.",
            "6 calls made, 0 replayed; 1200 tokens in (75% of them read once for all calls), 80 out; ",
            "```sh\npytest evals -m dev\n```",
        ):
            assert part in text, text

    def test_bars_of_the_judge_stand_among_the_gates(self) -> None:
        bar = gate(kind="judge", split="judges", metric="leakage-kappa")
        assert "| `judges-leakage-kappa` | 1.000 |" in run_markdown(result(gates=(bar,)))

    def test_accepted_files_are_named(self) -> None:
        text = run_markdown(result(), accepted=["fixtures/baselines/b.json"])
        assert "- Accepted: the scores of this run stand in `fixtures/baselines/b.json` now." in text


def hostile(text: str) -> RunResult:
    """A run in which every text that comes from elsewhere is this one."""
    ran = replace(INFO, id=text, profile=text, texts=text, dataset=replace(INFO.dataset, name=text, split=text))
    ran = replace(ran, models=replace(INFO.models, local=text, judge=text), program=replace(INFO.program, path=text))
    bad = replace(POOR, id=text, error=text)
    return result(
        *(ROW, bad, replace(LOST, error=text)),
        run=ran,
        splits=(
            SplitInfo("dev", 3, 1, UnitsCheck(3, 0, {}, {}, 4, 0.0)),
            SplitInfo(text, 0, 0, UnitsCheck(0, 0, {}, {}, 0, 0.0)),
        ),
        gates=(
            regression(
                split=text, metric=text, baseline=text, note=text, verdict="fail", flipped=(Flip(text, 0.0, 1.0),)
            ),
        ),
        controls=(ControlResult(text, text, None, None, None, None, None, "fail", text, 0, (text,)),),
        gains=(Gain(text, 0.1, 0.0, 0.2, 1, 1),),
        judge=(JudgeReport("leakage", 1, (text,), (text,), {text: Measure(0.5)}, {}, {}),),
        remarks=(text,),
        problems=(text,),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_from_elsewhere_acts_anywhere(text: str) -> None:
    found = html_of(run_markdown(hostile(text), accepted=[text]))
    for evil in ("<script", "<img", "<a ", "<del", "<em", "<blockquote", "<hr", "<h1", "<ol", "evil.example</a"):
        assert evil not in found, found
    # The harness's own: one heading, five tables, and no cell more than a harmless run of the same shape has.
    plain = html_of(run_markdown(hostile("plain"), accepted=["plain"]))
    for tag in ("<h2", "<table", "<td", "<th", "<tr", "<li", "<pre", "<p>"):
        assert found.count(tag) == plain.count(tag), (tag, found)


class TestItFits:
    def large(self, text: str = "@x ") -> RunResult:
        """5,000 rows, each of them bad, of as many gates and notes as anybody could have."""
        rows = [
            replace(POOR, id=f"dev-{n:04d}-1f3c9a2e", error=text * 999, judge_leaked=0, verbatim_leaked=1)
            for n in range(5000)
        ]
        lost = [replace(LOST, id=f"dev-{n:04d}-2f3c9a2e", error=f"{n} {text * 999}") for n in range(5000)]
        flips = tuple(Flip(row.id, 0.0, 1.0) for row in rows[:30])
        return result(
            *(rows + lost),
            gates=tuple(regression(metric=f"m{n}", note=text * 999, verdict="fail", flipped=flips) for n in range(300)),
            controls=tuple(ControlResult(f"c{n}", "dev", *[0.5] * 5, "fail", text * 999) for n in range(300)),
            judge=tuple(
                JudgeReport(
                    "leakage",
                    5000,
                    tuple(row.id for row in rows),
                    tuple(row.id for row in rows),
                    {f"m{n}": Measure(0.5) for n in range(999)},
                    {},
                    {},
                )
                for _ in range(2)
            ),
            remarks=(text * 999,) * 999,
            problems=(text * 999,) * 999,
        )

    @pytest.mark.parametrize("text", ["words ", "@x ", "$a", "*", "手"])
    def test_a_comment_whatever_the_run(self, text: str) -> None:
        said = run_markdown(self.large(text), command="pytest evals -m dev", accepted=["b.json"] * 999)
        assert len(said) < COMMENT
        assert len(said.encode()) <= MOST < PAGE
        assert said.startswith("## FAIL: 600 of 600 gates and controls do not hold")
        assert said.endswith("```sh\npytest evals -m dev\n```\n")
        assert "… and 240 more" in said
        assert "part" in said

    def test_a_run_of_5000_rows_whole(self) -> None:
        rows = [replace(POOR, id=f"dev-{n:04d}-1f3c9a2e") for n in range(5000)]
        flips = tuple(Flip(row.id, 1.0, 0.0) for row in rows)
        said = run_markdown(result(*rows, gates=(gate(), regression(flipped=flips))))
        assert len(said) < 5000
        assert "left out" not in said
        assert "4980 more" in said

    def test_a_command_that_is_no_command(self) -> None:
        assert run_markdown(result(), command="x" * MOST).endswith("Run again by the command that the log shows.\n")


@settings(max_examples=60)
@given(results)
def test_any_run_has_one_and_begins_with_its_verdict(run: RunResult) -> None:
    said = run_markdown(run, command="pytest evals")
    assert said.startswith(f"## {run.verdict.upper()}: ")
    assert len(said.encode()) <= MOST
    assert (run.verdict in ("pass", "deferred")) == run.clean
