"""Runs beside each other, as text: what changed, what flipped, what moved, in any window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from evals.harness.reports.compare import SHOWN_FLIPS, TABLED, comparison_lines, runs_table, since_line
from evals.harness.verdicts.comparison import compare
from evals.harness.verdicts.scores import scores_of
from papillon.results import Row, RunResult
from papillon.results.comparison import Change, Comparison
from papillon.results.run import ModelNames
from papillon.results.words import changed, direction
from papillon.tables import width_of
from tests.harness.verdicts.samples import qualities, row
from tests.harness.verdicts.test_comparison import run

SHOW = "papillon show 20261126T061054Z-small-4f1c"


def both(before: Sequence[Row], after: Sequence[Row], **changed: object) -> Comparison:
    return compare(run(before), run(after, "after", **changed))


def said(comparison: Comparison, width: int = 120) -> str:
    lines = comparison_lines(comparison, width, show=SHOW)
    assert all(width_of(line) <= max(width, len(f"  {SHOW} ID")) for line in lines)
    return "\n".join(lines)


def test_two_runs_are_shown_metric_by_metric_with_what_flipped_and_how_to_open_it() -> None:
    lines = comparison_lines(both(qualities(20, 0), qualities(8, 12)), 120, show=SHOW)
    assert lines[:6] == [
        "before: before",
        "after:  after",
        "Nothing that their results name differs: profile, program, models, versions.",
        "",
        "dev: 20 examples in both",
        "metric            before → after  difference  95% interval      sees   n  beyond chance",
    ]
    assert lines[6].startswith("quality           1.000 → 0.400       -0.600  -0.8")
    assert lines[6].endswith("  20  worse")
    assert lines[7].endswith("  20  no")
    assert lines[13:16] == [
        "12 examples of dev flipped: 12 became worse, 0 better:",
        "example   overall      quality      leakage  errors  shown by",
        f"dev-0008  1.00 → 0.50  1.00 → 0.00  0.00     0.00    {SHOW} dev-0008",
    ]
    assert lines[15 + SHOWN_FLIPS] == "and 2 more"
    assert " ".join(lines).endswith("is not enough; sees: the smallest difference that could have been seen.")


def test_in_a_narrow_window_the_command_stands_once_and_whole() -> None:
    narrow = said(both(qualities(20, 0), qualities(8, 12)), 60)
    assert f"each\n  shown by\n  {SHOW} ID\nexample" in narrow
    assert narrow.count(SHOW) == 1
    assert "dev-0008  1.00 → 0.50  1.00 → 0.00  0.00     0.00" in narrow


def test_what_differs_between_the_runs_is_named() -> None:
    models = ModelNames("openai/local", "openai/other", "openai/judge")
    text = said(both(qualities(2, 1), qualities(2, 1), models=models, profile="warm"))
    assert "profile: small → warm\nuntrusted model: openai/untrusted → openai/other\n" in text


def test_the_same_rows_are_said_to_be_the_same() -> None:
    text = said(both(qualities(2, 1), qualities(2, 1)))
    assert "Both have the same rows, times apart." in text
    assert "flipped" not in text


def test_examples_of_one_run_alone_and_without_scores_are_counted() -> None:
    text = said(both([row(0), row(1), row(2)], [row(1), row(2, failed=True), row(3)]))
    assert "dev: 2 examples in both, 1 before only, 1 after only, 1 without a score on one side, left out" in text
    assert "No example of dev flipped." in text


def test_slices_that_moved_stand_with_how_many_would_by_chance() -> None:
    before = [replace(row(i, 1.0), category="mail\x1b[31m" if i % 2 else "jobs") for i in range(40)]
    after = [replace(row(i, float(i % 2 == 0)), category=before[i].category) for i in range(40)]
    text = said(both(before, after))
    assert "6 changes in 2 slices of dev were looked at, of which up to 0.3 would move by chance; 2 moved:" in text
    assert "category: mail\\x1b[31m  20  quality  1.000 → 0.000       -1.000  -1.000 … -0.6" in text
    assert "\x1b" not in text
    assert "No slice of dev is large enough to be looked at." in said(both(qualities(5, 0), qualities(4, 1)))
    calm = [replace(each, quality=1.0, overall=1.0) for each in before[:-1]] + [row(39, 0.0)]
    assert "would move by chance; none moved." in said(both(before, calm))


def test_newer_runs_that_were_passed_over_are_named_with_the_reason() -> None:
    passed = {f"run-{i}": f"it saw {i} of 20 examples of dev" for i in range(5)}
    lines = comparison_lines(both(qualities(2, 0), qualities(1, 1)), 120, show=SHOW, passed=passed)
    assert lines[2:5] == [f"passed over: run-{i}, as it saw {i} of 20 examples of dev" for i in range(3)]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_window(width: int) -> None:
    before = [replace(row(i, 1.0, units=i % 5), category="日本の仕事" * 5 if i % 2 else "jobs") for i in range(60)]
    after = [replace(row(i, float(i % 2), units=i % 5), category=before[i].category) for i in range(60)]
    said(both(before, after), width)


def test_what_the_legend_explains_is_in_a_table_of_the_usual_width() -> None:
    text = said(both(qualities(20, 0), qualities(8, 12)), 80)
    assert re.search(r"^metric +before → after +change +95% interval +sees +moved$", text, re.MULTILINE)


def test_an_interval_without_0_that_is_not_beyond_chance_beside_the_others_says_so() -> None:
    change = Change("joint", 0.5, 0.6, 0.1, 0.01, 0.2, 40, 40, 4, 0, 0.07, False, 0.2)
    assert direction(change) == "no, as one of several"
    assert changed(change).endswith("(+0.100, +0.010 … +0.200, not more than chance, as one of several)")
    assert direction(replace(change, low=-0.01)) == "no"
    assert direction(replace(change, moved=True)) == "better"


class TestSince:
    def test_what_moved_is_one_sentence(self) -> None:
        before, after = ([replace(each, carried=1.0) for each in qualities(good, 20 - good)] for good in (20, 8))
        line = since_line(both(before, after))
        assert line.startswith("Since before: dev quality 1.000 → 0.400 (-0.600, -0.8")
        assert line.endswith(", more than chance), leakage 0.000 as before; papillon compare shows all.")
        line = since_line(both(qualities(20, 0), qualities(19, 1)))
        assert "1.000 → 0.950 (-0.050, " in line
        assert ", not more than chance)" in line

    def test_what_moved_beside_quality_and_leakage_is_told_where_it_is_more_than_chance(self) -> None:
        before = [replace(row(i), carried=0.9) for i in range(20)]
        after = [replace(row(i), carried=0.1) for i in range(20)]
        assert ", carried 0.900 → 0.100 (-0.800, " in since_line(both(before, after))

    def test_the_same_rows_are_no_change(self) -> None:
        same = both(qualities(2, 0), qualities(2, 0))
        assert since_line(same) == "The same rows as before."
        assert since_line(same, replaced=True) == "The same rows as before, which this run replaces."

    def test_a_split_of_one_run_alone_is_left_out(self) -> None:
        line = since_line(both([*qualities(2, 0), row(0, split="test")], qualities(1, 1)))
        assert "dev quality" in line
        assert "test" not in line


class TestTable:
    def table(self, width: int, **changed: object) -> list[str]:
        runs = [run(qualities(20 - i, i, carried=1.0), f"run-{i}") for i in range(2)]
        runs.append(run([replace(each, carried=None) for each in qualities(5, 15)], "run-2", **changed))
        scores = [{"dev": scores_of(each.rows, TABLED)} for each in runs]
        lines = runs_table(runs, scores, [compare(runs[0], each) for each in runs[1:]], width)
        assert all(width_of(line) <= width for line in lines)
        return lines

    def test_three_runs_stand_in_one_table_and_each_beside_the_first(self) -> None:
        lines = self.table(200, profile="warm")
        assert lines[:2] == [
            "local openai/local; untrusted openai/untrusted",
            "run    when (UTC)        profile  split  n   quality                leakage                "
            "overall                carried",
        ]
        assert lines[2].startswith("run-0  2026-11-26 06:10  small    dev    20  1.000 (0.8")
        assert lines[4].endswith(")  –")
        assert lines[4].startswith("run-2  2026-11-26 06:10  warm     dev    20  0.250 (")
        assert lines[5].startswith("run-0 → run-1: dev quality 1.000 → 0.950 (-0.050")
        assert "run-0 → run-2: dev quality 1.000 → 0.250 (-0.750" in "\n".join(lines)

    @pytest.mark.parametrize("width", [60, 80])
    def test_it_fits_the_window(self, width: int) -> None:
        assert self.table(width)[0].startswith("profile small; local openai/local")


def test_runs_without_rows_are_no_error() -> None:
    empty: RunResult = replace(run([row(0)]), rows=())
    assert compare(empty, empty).refused == "they share no example"


def test_without_targets_an_example_flips_by_what_it_leaks() -> None:
    none = dict.fromkeys(("quality", "verdict", "overall", "tutorial_overall"))
    before = [replace(row(n), **none) for n in range(3)]
    after = [before[0], replace(before[1], leaked=1, judge_leaked=1, leakage=1.0), before[2]]
    text = said(compare(run(before, targets=False), run(after, "after", targets=False)))
    assert "1 example of dev flipped: 1 became worse, 0 better:" in text
    assert re.search(r"^example +leakage +errors +shown by$", text, re.MULTILINE)
    assert not re.search("^(quality|overall|joint)", text, re.MULTILINE)
