"""Pages: a run, or two beside each other, with everything that their page shows, written where it was asked for."""

from __future__ import annotations

from pathlib import Path

from evals.harness.comparing import Compared
from evals.harness.reports.page.writing import write_comparison, write_page
from evals.harness.verdicts.scores import scores_of
from evals.harness.verdicts.slices import slices
from papillon.commands import seen_from
from papillon.errors import UsageError
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
    path = _place(out or found.path.with_name("report.html"), found, option="--out")
    run_page(path, found.result, found.traces)
    return [_FIGURES if found.traces is None else _TEXTS, seen_from(here, path)]


def written_beside(compared: Compared, path: Path, here: Path) -> list[str]:
    """The page of two runs beside each other, and what to say of it; UsageError where there are more of them."""
    if len(compared.runs) > 2:
        raise UsageError(f"--report: expected two runs to lay beside each other, got {len(compared.runs)}; name two.")
    for run in compared.runs:
        _place(path, run, option="--report")
    before, after = ((run.result, run.traces, _scores(run.result)) for run in compared.runs)
    write_comparison(path, compared.comparisons[0], before, after)
    there = any(run.traces is not None for run in compared.runs)
    return [_TEXTS if there else _FIGURES, seen_from(here, path)]


def _place(path: Path, run: FoundRun, *, option: str) -> Path:
    """Where a page may be written: no folder, and never over the run itself."""
    kept = [run.path, *([run.traces.path] if run.traces is not None else [])]
    if path.is_dir() or path.resolve() in [each.resolve() for each in kept]:
        raise UsageError(f"{option}: expected a file for the page, got {str(path)!r}; name another.")
    return path
