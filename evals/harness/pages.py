"""Pages: a run, or two beside each other, with everything that their page shows, written where it was asked for."""

from __future__ import annotations

from pathlib import Path

from evals.harness.comparing import Compared
from evals.harness.reports.page.writing import write_comparison, write_page
from evals.harness.verdicts.scores import scores_of
from evals.harness.verdicts.slices import slices
from papillon.commands import seen_from
from papillon.output_files import OutputFile, refuse_outputs
from papillon.results import Measure, RunResult
from papillon.results.finding import FoundRun
from papillon.results.rows import METRICS
from papillon.results.traces import Traces

__all__ = ["run_page", "written", "written_beside"]

_FIGURES = "This page holds figures alone, no text of a row."
_TEXTS = "This page holds private texts, queries, requests and answers among them: it is for those who may read them."


def run_page(path: Path, result: RunResult, traces: Traces | None) -> None:
    """Write one run's page; UsageError where that cannot be done, or the traces cannot be read."""
    sliced = {split.name: slices(result.of(split.name)) for split in result.splits}
    write_page(path, result, traces, _scores(result), sliced)


def _scores(result: RunResult) -> dict[str, dict[str, Measure]]:
    return {split.name: scores_of(result.of(split.name), METRICS) for split in result.splits}


def written(found: FoundRun, out: Path | None, here: Path) -> list[str]:
    """A run's page at ``out``, or beside its results, and what to say of it in the folder ``here``."""
    path = out or found.path.with_name("report.html")
    refuse_outputs([OutputFile("--out", path)], found.files)
    run_page(path, found.result, found.traces)
    return [_FIGURES if found.traces is None else _TEXTS, seen_from(here, path)]


def written_beside(compared: Compared, path: Path, here: Path) -> list[str]:
    """The page of two runs beside each other, and what to say of it."""
    before, after = ((run.result, run.traces, _scores(run.result)) for run in compared.runs)
    write_comparison(path, compared.comparisons[0], before, after)
    there = any(run.traces is not None for run in compared.runs)
    return [_TEXTS if there else _FIGURES, seen_from(here, path)]
