"""Two runs for a pull request: what moved first, who flipped by id, no text, and never too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.reports.markdown import MOST, run_markdown
from evals.harness.reports.markdown_compare import FLIPS, comparisons_markdown, scores_table, since_block
from evals.harness.verdicts.comparison import compare
from papillon.results import Measure, Row
from papillon.results.comparison import Comparison, Differing, Flipped
from tests.harness.reports.test_markup import HOSTILE, html_of
from tests.harness.verdicts.samples import qualities, row
from tests.harness.verdicts.test_comparison import run
from tests.papillon.results.generated import values
from tests.papillon.results.samples import result


def both(before: Sequence[Row], after: Sequence[Row], **changed: object) -> Comparison:
    return compare(run(before), run(after, "after", **changed))


def said(*comparisons: Comparison, command: str = "") -> str:
    return comparisons_markdown(comparisons, MOST, command)


WORSE = both(qualities(20, 0), qualities(8, 12))


class TestTheFirstLine:
    def test_what_moved_beyond_chance_and_which_way(self) -> None:
        assert (
            said(WORSE).splitlines()[0].startswith("## WORSE: `dev-quality` -0.600: worse, `dev-overall` -0.300: worse")
        )
        assert said(both(qualities(8, 12), qualities(20, 0))).startswith("## BETTER: `dev-quality` +0.600: better")

    def test_nothing_moved_or_nothing_changed(self) -> None:
        assert said(both(qualities(20, 0), qualities(19, 1))).startswith("## NOTHING MOVED beyond chance\n")
        assert said(both(qualities(2, 1), qualities(2, 1))).startswith("## UNCHANGED: both have the same rows\n")

    def test_some_metrics_better_and_others_worse(self) -> None:
        before, after = [row(i, 0.0, leaked=0) for i in range(20)], [row(i, 1.0, leaked=1) for i in range(20)]
        assert said(both(before, after)).startswith("## WORSE AND BETTER: `dev-quality` +1.000: better, `dev-leakage`")

    def test_runs_that_cannot_be_compared(self) -> None:
        refused = replace(WORSE, refused="they are over other data (a|b and c)", splits=())
        assert said(refused).startswith("## NOT COMPARABLE: they are over other data (a&#124;b and c)\n")


def test_several_runs_are_a_table_with_intervals_and_tokens() -> None:
    seen = {"quality": Measure(0.5, 0.3, 0.7, 20), "errors": Measure(0.1, n=20)}
    runs = [("small", result()), ("a|b", result())]
    table = scores_table(runs, [{"dev": seen, "test": seen}, {"dev": {}}])
    assert table.splitlines()[0].startswith("| run | split | n | quality | leakage | overall | carried | errors | tok")
    assert table.splitlines()[2] == ("| small | `dev` | 20 | 0.500 (0.300 … 0.700) | – | – | – | 0.100 | 1,200 / 80 |")
    assert table.splitlines()[4] == "| a&#124;b | `dev` | 0 | – | – | – | – | – | 1,200 / 80 |"
    whole = comparisons_markdown([WORSE, WORSE], MOST, scores=table)
    assert whole.index(table) < whole.index("**`dev`**: 20 examples in both")


def test_it_holds_changes_flips_and_what_differs() -> None:
    text = said(both(qualities(20, 0), qualities(8, 12), profile="warm"), command="papillon compare a b")
    assert "- profile: `small` → `warm`" in text
    assert "**`dev`**: 20 examples in both" in text
    assert "| `quality` | 1.000 | 0.400 | -0.600 | -0.8" in text
    assert " | 0 | 12 | **worse** | 20 |" in text
    assert "flipped, worst first: `dev-0008` overall 1.00 → 0.50, quality 1.00 → 0.00; `dev-0009`" in text
    assert text.endswith("```sh\npapillon compare a b\n```\n")


def test_examples_of_one_run_alone_and_without_scores_are_counted() -> None:
    text = said(both([row(0), row(1), row(2)], [row(1), row(2, failed=True), row(3)]))
    assert "2 examples in both, 1 before only, 1 after only, 1 without a score on one side, left out" in text


def test_slices_that_moved_stand_with_how_many_would_by_chance() -> None:
    before = [replace(row(i, 1.0), category="mail|x" if i % 2 else "jobs") for i in range(40)]
    after = [replace(row(i, float(i % 2 == 0)), category=before[i].category) for i in range(40)]
    text = said(both(before, after))
    assert "6 changes in 2 slices of dev were looked at, of which up to 0.3 would move by chance; 2 moved." in text
    assert "| category: mail&#124;x | `quality` | 1.000 | 0.000 | -1.000 |" in text


def test_of_many_flips_the_first_are_named_and_three_runs_stand_one_below_the_other() -> None:
    text = said(both(qualities(5000, 0), qualities(0, 5000)), replace(WORSE, after="third"))
    assert f"; {5000 - FLIPS} more" in text
    assert "`before` → `after`" in text
    assert "`before` → `third`" in text
    assert len(text.encode()) <= MOST


class TestBesideARun:
    def test_quality_leakage_and_what_moved_with_the_examples(self) -> None:
        text = run_markdown(result(), since=WORSE)
        assert "**Since** `before`:\n\n- `dev` quality 1.000 → 0.400 (-0.600, -0.8" in text
        assert "- `dev` leakage 0.000 as before" in text
        assert "- flipped, worst first: `dev-0008` overall 1.00 → 0.50, quality 1.00 → 0.00" in text

    def test_the_same_rows_are_said_to_be_the_same(self) -> None:
        assert since_block(both(qualities(2, 1), qualities(2, 1))) == "The same rows as `before`."


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_from_elsewhere_acts(text: str) -> None:
    def hostile(text: str) -> Comparison:
        (split,) = WORSE.splits
        changes = tuple(replace(change, metric=text) for change in split.changes)
        split = replace(split, split=text, changes=changes, flipped=(Flipped(text, {"quality": 1.0}, {}),))
        return replace(WORSE, before=text, after=text, differing=(Differing(text, text, text),), splits=(split,))

    found, plain = html_of(said(hostile(text))), html_of(said(hostile("plain")))
    for tag in ("<script", "<img", "<a ", "<em", "<del", "<h2", "<table", "<td", "<tr", "<li", "<p>", "<hr", "<ol"):
        assert found.count(tag) == plain.count(tag), (tag, found)


@settings(max_examples=40)
@given(st.lists(values(Comparison), min_size=1, max_size=3))
def test_any_comparison_has_one(comparisons: list[Comparison]) -> None:
    assert said(*comparisons).startswith("## ")
    assert len(said(*comparisons).encode()) <= MOST
    since_block(comparisons[0])
