"""The judge's figures beside people's labels, in every report that shows a run's scores."""

from __future__ import annotations

from dataclasses import replace

from evals.harness.reports.compare import comparison_lines
from evals.harness.reports.corrected import corrected_lines, corrected_notes
from evals.harness.reports.markdown import run_markdown
from evals.harness.reports.markdown_compare import comparisons_markdown
from evals.harness.reports.summary import summary_lines
from evals.harness.reports.tables import asked
from evals.harness.reports.terminal import closing_lines
from evals.harness.verdicts.comparison import compare
from papillon.results.comparison import CorrectedChange
from papillon.results.correction import LABELS_SAID, Assumed, Correction
from papillon.results.judging import Measure
from papillon.tables import width_of
from tests.harness.verdicts.samples import qualities
from tests.harness.verdicts.test_comparison import run as run_of
from tests.papillon.results.samples import gate, result

SEEN = Correction(
    "dev",
    "quality",
    judge=Measure(0.7, 0.64, 0.76, 225),
    labels=Measure(0.8, 0.67, 0.89, 50),
    corrected=Measure(0.78, 0.68, 0.86, 50),
    labelled=50,
    of=190,
)
EARLY = replace(
    SEEN,
    labels=None,
    corrected=None,
    labelled=3,
    early="3 independent rows have a label, and 10 are needed",
    assumed=Assumed(0.74, 0.6, 0.88, 40, 0.9, 0.75),
)


def test_the_three_figures_stand_side_by_side() -> None:
    lines = corrected_lines([SEEN], 120)
    assert lines[0].split("  ")[0] == "corrected by labels"
    assert lines[1].split("  ") == [
        *("dev-quality", "", "", "", "", "0.700"),
        "0.800 (0.670 to 0.890)",
        "0.780 (0.680 to 0.860)",
        "50 of 190",
    ]
    assert all(width_of(line) <= 60 for line in corrected_lines([SEEN, EARLY], 60))
    assert corrected_lines([], 80) == []


def test_a_figure_that_correction_makes_less_sure_is_told() -> None:
    wide = replace(SEEN, corrected=Measure(0.78, 0.5, 0.95, 50))
    [note] = corrected_notes([wide])
    assert note == (
        "dev-quality: corrected it is less sure than by labels alone, as happens with few labels and scores near 0 "
        "or 1: more labels help."
    )
    assert [*corrected_notes([SEEN, replace(wide, labelled=190)])] == []


def test_who_asks_for_less_sees_the_figures_that_a_gate_rests_on() -> None:
    said = f"{LABELS_SAID} 50 of 50 labels count for this run."
    whole = result(corrected=(SEEN,), gates=(replace(gate(), corrected=True),), remarks=("Else.", said))
    lines = closing_lines(whole, 120, verbosity=-1)
    assert said in lines
    assert "Else." not in lines
    assert [line for line in lines if "0.780 (0.680 to 0.860)" in line]
    assert said not in closing_lines(replace(whole, gates=(gate(),)), 120, verbosity=-1)


def test_too_few_labels_are_said_and_nothing_is_shown_for_them() -> None:
    lines = corrected_lines([replace(EARLY, assumed=None)], 120)
    assert lines[1].split() == ["dev-quality", "0.700", "–", "–", "3", "of", "190"]
    text = " ".join(lines)
    assert "dev-quality: it is too early to correct it: 3 independent rows have a label, and 10 are needed." in text


def test_who_could_not_tell_is_counted_with_the_bounds() -> None:
    [note] = corrected_notes([replace(SEEN, unsure=4, least=0.74, most=0.82)])
    assert note == (
        "dev-quality: without 4 rows of which people could not tell; with these as low or as high as can be "
        "it would be 0.740 or 0.820."
    )
    [note] = corrected_notes([replace(EARLY, early="", assumed=None, unsure=1)])
    assert note == "dev-quality: without 1 row of which people could not tell."


def test_a_figure_by_labels_of_other_runs_says_what_it_assumes() -> None:
    *_, note = corrected_notes([EARLY])
    assert note == (
        "dev-quality: 0.740 (0.600 to 0.880), assuming that the judge errs here as it did there: sensitivity 0.90, "
        "specificity 0.75, by 40 labels of other runs; no gate takes it."
    )
    nothing = Assumed(None, None, None, 40, 0.5, 0.5, "there the judge hardly follows people's labels")
    *_, note = corrected_notes([replace(EARLY, assumed=nothing)])
    assert note == (
        "dev-quality: labels of other runs say nothing here, since there the judge hardly follows people's labels "
        "(sensitivity 0.50, specificity 0.50, by 40 labels of other runs)."
    )


def test_summary_and_markdown_show_them() -> None:
    run = result(corrected=(SEEN, replace(EARLY, split="test")))
    summary = "\n".join(summary_lines(run, 120))
    assert "0.780 (0.680 to 0.860)" in summary
    assert "assuming that the judge errs here as it did there" in " ".join(summary.split())
    text = run_markdown(run)
    assert "| `dev-quality` | 0.700 | 0.800 (0.670 to 0.890) | 0.780 (0.680 to 0.860) | 50 of 190 |" in text
    assert "too early to correct it" in text
    assert "labels alone" not in run_markdown(result())
    assert "labels alone" not in "\n".join(summary_lines(result(), 120))


def test_two_labelled_runs_show_what_changed_and_too_few_labels_are_said() -> None:
    found = compare(run_of(qualities(20, 0)), run_of(qualities(8, 12), "after"))
    moved = CorrectedChange("quality", 0.8, 0.7, -0.1, -0.2, 0.0, 50, 48)
    early = CorrectedChange("leakage", early="after, 3 independent rows have a label, and 10 are needed")
    [split] = found.splits
    both = replace(found, splits=(replace(split, corrected=(moved, early)),))
    said = [
        "dev quality corrected by labels 0.800 → 0.700 (-0.100, -0.200 … +0.000, paired; 50 labels before, 48 after).",
        "dev leakage cannot be corrected by labels on both sides: after, 3 independent rows have a label, "
        "and 10 are needed.",
    ]
    shown = " ".join(" ".join(comparison_lines(both, 120, show="papillon show")).split())
    markdown = comparisons_markdown([both], 60_000)
    for sentence in said:
        assert sentence in shown
        assert sentence in markdown
    assert "corrected by labels" not in comparisons_markdown([found], 60_000)


def test_a_gate_on_a_corrected_figure_says_so() -> None:
    assert asked(gate(corrected=True)) == "≥ 0.5 (corrected)"
    assert asked(gate(min=None, max=0.2, corrected=True)) == "≤ 0.2 (corrected)"
    assert asked(gate()) == "≥ 0.5"
