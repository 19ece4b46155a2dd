"""Leaving: what a run leaves in its folder while it goes and at its end, and what becomes of it where it cannot.

The folder itself is :mod:`papillon.results.folder`'s; here stands which rows it gets, and that a default place that
cannot be written is no error.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import PROGRAM, Job
from evals.harness.evaluation.traces import trace_of
from evals.harness.labels import RunLabels
from evals.harness.options import RunSettings
from evals.harness.reports.example import example_view
from evals.harness.showing import Showing
from papillon.commands import seen_from, showing
from papillon.errors import UsageError
from papillon.models.providers import price_of
from papillon.results.folder import RunFolder
from papillon.results.run import ModelNames
from papillon.results.traces import Trace

__all__ = ["Leaving"]


class Leaving:
    """One run's folder, or none; only where it was named by an option is it an error that it cannot be written."""

    def __init__(
        self, settings: RunSettings, run_id: str, showing: Showing | None = None, labels: RunLabels | None = None
    ) -> None:
        self.settings, self.id, self.showing = settings, run_id, showing or Showing()
        self._labels = labels
        self.prices = {role: price_of(model) for role, model in settings.profile.models.items()}
        self.folder: RunFolder | None = None
        #: Why the folder does not hold what it should, one sentence.
        self.failure: str | None = None
        self._late: dict[Job, Outcome] = {}
        #: What was heard for the rows whose texts are to be shown.
        self._heard: dict[Job, Outcome] = {}
        self._writing = threading.Lock()

    def open(self) -> None:
        """Make the folder, before any call is made; raises UsageError where one was named that cannot be written."""
        if self.settings.runs is None:
            return
        try:
            self.folder = RunFolder(self.settings.runs, self.id)
        except UsageError as error:
            if self.settings.runs_named:
                raise
            self.failure = str(error)

    def add(self, job: Job, outcome: Outcome) -> None:
        """Write what was heard for a row of the program; one that may get another try is written at the end."""
        if job.subject != PROGRAM:
            return
        if self.showing.shows(outcome.row):
            self._heard[job] = outcome
        if self._labels is not None:
            self._labels.hear((job.example.id, job.trial), lambda: trace_of(job.example, outcome, self.prices))
        if self.folder is None:
            return
        with self._writing:
            self._late.pop(job, None)
            if outcome.waits:
                self._late[job] = outcome
            else:
                self._write(job, outcome)

    def texts(self, rows: Iterable[tuple[Job, Outcome]], models: ModelNames) -> str:
        """Everything about those rows of one example that are to be shown, as lines; "" where none is."""
        found = [(outcome.row, self._trace(job, outcome)) for job, outcome in rows if self.showing.shows(outcome.row)]
        if not found:
            return ""
        lines = self.showing.lines
        if any(self.showing.fails(row) for row, _ in found):
            lines = replace(lines, colours=False)  # JUnit has it too
        return "\n".join(example_view(found, models, lines))

    def _trace(self, job: Job, outcome: Outcome) -> Trace:
        return trace_of(job.example, replace(self._heard.get(job, outcome), row=outcome.row), self.prices)

    def finish(self, rows: Iterable[tuple[Job, Outcome]], results: str) -> None:
        """Put the rows in their order, the results beside them, and let older folders make way.

        Raises UsageError where a folder that was named does not hold all.
        """
        order = []
        for job, outcome in rows:
            order.append((job.example.id, job.trial))
            if self.folder is not None and order[-1] not in self.folder:
                self._write(job, self._late.get(job, outcome))
        if self.folder is not None:
            try:
                self.folder.finish(order, results)
                self.folder.make_way()
            except UsageError as error:
                self._fail(error)
        if self.failure is not None and self.settings.runs_named:
            raise UsageError(self.failure)

    def line(self, seen_from_here: Path) -> str:
        """Where the rows' texts are, as typed in that folder, or why they are nowhere; "" where none were asked for."""
        if self.folder is not None:
            return f"The rows' texts, private, and the results: {seen_from(seen_from_here, self.folder.path)}"
        return self.failure if self.failure is not None and not self.settings.runs_named else ""

    def command(self, seen_from_here: Path) -> str:
        """What to type in that folder, before a row's id, to see its texts; "" where they are nowhere."""
        return "" if self.folder is None else showing(seen_from_here, self.folder.path.parent)

    def discard(self) -> None:
        """Leave nothing: the run did not begin."""
        if self.folder is not None:
            self.folder.discard()
            self.folder = None

    def _write(self, job: Job, outcome: Outcome) -> None:
        assert self.folder is not None
        try:
            self.folder.add(trace_of(job.example, outcome, self.prices))
        except UsageError as error:
            self._fail(error)

    def _fail(self, error: UsageError) -> None:
        assert self.folder is not None
        self.folder.close()
        self.failure, self.folder = str(error), None
