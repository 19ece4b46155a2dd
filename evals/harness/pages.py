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


def run_page(path: Path, result: RunResult, traces: Traces | None) -> list[str]:
    """Write one run's page, and return which of the texts could not be read, in sentences; UsageError where it cannot
    be written, or no text can be read."""
    sliced = {split.name: slices(result.of(split.name)) for split in result.splits}
    unread: list[str] = []
    texts = None if traces is None else traces.readable(unread)
    write_page(path, result, texts, _scores(result), sliced, unread)
    return unread


def _scores(result: RunResult) -> dict[str, dict[str, Measure]]:
    return {split.name: scores_of(result.of(split.name), METRICS) for split in result.splits}


def written(found: FoundRun, out: Path | None, here: Path) -> tuple[list[str], list[str]]:
    """A run's page at ``out``, or beside its results: what to say of it in the folder ``here``, and which of the texts
    could not be read."""
    path = out or found.path.with_name("report.html")
    refuse_outputs([OutputFile("--out", path)], found.files)
    unread = run_page(path, found.result, found.traces)
    return [_FIGURES if found.traces is None else _TEXTS, seen_from(here, path)], unread


def written_beside(compared: Compared, path: Path, here: Path) -> list[str]:
    """The page of two runs beside each other, and what to say of it, also of texts that could not be read."""
    unread: list[str] = []
    texts = [None if run.traces is None else run.traces.readable(unread) for run in compared.runs]
    before, after = ((run.result, of, _scores(run.result)) for run, of in zip(compared.runs, texts, strict=True))
    write_comparison(path, compared.comparisons[0], before, after, unread)
    return [_TEXTS if any(of is not None for of in texts) else _FIGURES, seen_from(here, path), *unread]
