"""Outputs: the files that a run leaves where they were asked for, each on its own: one that fails costs no other.

What is known to be wrong is refused before anything is spent; what fails later is a problem of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from evals.harness.accepting import accepted_baselines
from evals.harness.baseline_files import write_baseline
from evals.harness.causes import again_replayed
from evals.harness.comparing import since_last
from evals.harness.options import RunSettings
from evals.harness.pull_request import append_to_job_page
from evals.harness.reports.compare import since_line
from evals.harness.reports.markdown import nothing_markdown, run_markdown
from evals.harness.run import Run
from evals.harness.verdicts.baseline import Baseline
from papillon.commands import seen_from
from papillon.errors import PapillonError, UsageError, one_line
from papillon.files import write_whole
from papillon.output_files import OutputFile, refuse_outputs
from papillon.results import RunResult
from papillon.results.comparison import Comparison
from papillon.results.traces import Traces

__all__ = ["Outputs", "refuse_unwritable", "write_nothing"]


def refuse_unwritable(settings: RunSettings) -> None:
    """UsageError, naming the option, for a file that could not be written whatever the run comes to."""
    accepted = (
        [settings.baseline_file] if settings.baseline_file else [each.baseline for each in settings.profile.regressions]
    )
    asked = [
        ("--eval-export", settings.export_file),
        *(("--eval-accept", path) for path in accepted if settings.accept),
        ("--eval-results", settings.results_file),
        ("--eval-summary", settings.summary_file),
        ("--eval-report", settings.report_file),
    ]
    # An export makes no folders, unlike the others.
    refuse_outputs(
        OutputFile(option, path, makes_folders=option != "--eval-export") for option, path in asked if path is not None
    )


def write_nothing(settings: RunSettings, why: str, command: str) -> str:
    """Say in the summary for a pull request that nothing was run, and ``why``; what failed of that, or ``""``."""
    text, failed = nothing_markdown(why, command), []
    try:
        if settings.summary_file is not None:
            write_whole(settings.summary_file, text)
    except UsageError as error:
        failed.append(str(error))
    return " ".join([*failed, append_to_job_page(text) or ""]).strip()


class Outputs:
    """What became of a closed run's files: its ``result``, with what failed among its problems, the ``accepted`` files,
    and whether the user ``stopped`` the writing; and what changed ``since`` the last comparable run, None without."""

    def __init__(self, run: Run, result: RunResult, command: str = "") -> None:
        """``command`` runs the same again, as a shell takes it."""
        self.result, self._command = result, command
        self.accepted: list[str] = []
        self.stopped = False
        self._page: Path | None = None
        self.since: Comparison | None = None
        self._run, self._settings = run, run.plan.settings

    def write(self) -> None:
        """Write what was asked for; the results come last, since they tell of the others' problems.

        The summary for a pull request is written once more where it did not know of theirs.
        """
        settings = self._settings
        try:
            if settings.export_file is not None:
                self._try(f"--eval-export {settings.export_file}", self._run.export)
            if settings.accept and self.result.run.begun:
                self._try("--eval-accept", self._accept)
            self._compare()
            self._carry_over()
            self._try("--eval-runs", self._leave)
            if (page := settings.report_file) is not None:
                self._try(f"--eval-report {page}", lambda: self._report(page))
            self._summarise()
            before = self.result
            if (file := settings.results_file) is not None:
                self._try(f"--eval-results {file}", lambda: write_whole(file, self.result.to_text()))
            if self.result is not before:
                self._summarise()
            if (failed := append_to_job_page(self._markdown())) is not None:
                self.result = replace(self.result, remarks=(*self.result.remarks, failed))
        except KeyboardInterrupt:
            self.stopped = True
            stopped = f"Stopped while the run's files were written: {again_replayed(settings.record)}."
            self.result = self.result.with_problems(stopped)

    def _compare(self) -> None:
        """See what changed, before this run's folder takes the place of an unchanged one; that costs it no file."""
        try:
            self.since = since_last(self.result, self._settings.runs) if self.result.run.begun else None
        except Exception as error:
            fault = f"The last comparable run could not be compared with ({type(error).__name__})."
            self.result = replace(self.result, remarks=(*self.result.remarks, fault))

    def _carry_over(self) -> None:
        """Let labels of other runs say how the judge errs, where this run's own are too few; that costs it no file."""
        labels, runs = self._run.plan.labels, self._settings.runs
        if labels is None or runs is None:
            return
        try:
            self.result = labels.carried_over(self.result, runs)
        except Exception as error:
            fault = f"Labels of other runs could not be read ({type(error).__name__})."
            self.result = replace(self.result, remarks=(*self.result.remarks, fault))

    def _summarise(self) -> None:
        if (file := self._settings.summary_file) is not None:
            self._try(f"--eval-summary {file}", lambda: write_whole(file, self._markdown()))

    def _markdown(self) -> str:
        return run_markdown(self.result, command=self._command, accepted=self.accepted, since=self.since)

    def since_line(self) -> str:
        """What moved since the last comparable run, "" without one."""
        if self.since is None or self._settings.runs is None:
            return ""
        return since_line(self.since, replaced=not (self._settings.runs / self.since.before).exists())

    def left(self, seen_from_here: Path) -> str:
        """Where the rows' texts and the page are, as typed in that folder, a line each; "" where there is neither."""
        lines = [self._run.leaving.line(seen_from_here)]
        if self._page is not None:
            private = "" if self._run.leaving.folder is None else ", private"
            lines.append(f"The run as a page{private}: {seen_from(seen_from_here, self._page)}")
        return "\n".join(filter(None, lines))

    def _leave(self) -> None:
        self._run.leave(self.result.to_text())

    def _report(self, page: Path) -> None:
        from evals.harness.pages import run_page  # templates, which few runs need

        folder = self._run.leaving.folder
        run_page(page, self.result, Traces(folder.path) if folder is not None else None)
        self._page = page

    def _accept(self) -> None:
        for path, baseline in accepted_baselines(self.result, self._run.plan).items():
            self._try(f"--eval-accept, {path}", partial(self._write_accepted, path, baseline))

    def _write_accepted(self, path: Path, baseline: Baseline) -> None:
        write_baseline(baseline, path)
        self.accepted.append(str(path))

    def _try(self, asked: str, write: Callable[[], object]) -> None:
        try:
            write()
        except PapillonError as error:
            self.result = self.result.with_problems(str(error))
        except Exception as error:
            # A fault of the harness itself, on a run that is paid for: the other files are still written.
            fault = f"{asked}: the harness could not write it ({type(error).__name__}: {one_line(error)})."
            self.result = self.result.with_problems(fault)
