"""Report: shows a run to people while it goes and at its end, writes its files, and says whether all was clean."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from evals.harness.command_line import seen_from
from evals.harness.next_command import command_lines, next_command
from evals.harness.progress import Progress, say
from evals.harness.reports.summary import short_lines, summary_lines
from evals.harness.results import as_json, write_json
from evals.harness.run import Run

__all__ = ["Report"]

SHOWN_CAUSES = 3

NOT_BEGUN = "No item got as far as asking for its result, so no model was asked and nothing was evaluated."


class Report:
    """Progress while items wait, and the summary at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        #: What keeps the run from a clean end beside its rows and gates, one sentence each.
        self.problems: list[str] = []
        self.accepted: list[str] = []
        self._progress = Progress(config)
        self._run: Run | None = None

    def begin(self, run: Run) -> None:
        """Show this run from now on."""
        self._run = run
        self._progress.begin()

    def tick(self) -> None:
        """Show how far the run is, if it is time to; called whenever pytest has nothing better to do."""
        if self._run is None or not self._run.begun:
            return
        if self.config.get_verbosity() >= 0:
            for sentence in self._run.waiting():
                say(self.config, sentence)
        self._progress.tick(self._run)

    def end(self) -> None:
        """The run is closed: no more progress."""
        self._progress.end()

    def first_words(self) -> None:
        """Say what a first Ctrl-C means, before the calls in flight are waited for."""
        if self._run is None or self._run.finished is not None:
            return
        self._progress.end()
        say(self.config, "Stopping: calls in flight are waited for and recorded; Ctrl-C again ends at once.")

    def last_words(self) -> None:
        """Say what a second Ctrl-C means, before the process ends."""
        self._progress.end()
        say(self.config, "Stopped at once: calls in flight were not waited for. Run the same command again to go on.")

    def write(self, run: Run) -> None:
        """Write the files that were asked for."""
        if run.plan.settings.results_file is not None:
            write_json(as_json(run), run.plan.settings.results_file)

    def leave(self, run: Run) -> None:
        """Finish the run's folder; what keeps a folder that was named from being whole is a problem."""
        run.leave(as_json(run))
        if run.leaving.failure is not None and run.plan.settings.runs_named:
            self.problems.append(run.leaving.failure)

    def clean(self, run: Run) -> bool:
        """Whether every row is there and every gate and control that was asked for holds, or is left to a later job."""
        verdicts = {result.verdict for result in run.verdicts()}
        verdicts |= {run.control(name, split).verdict for split, name in run.controls}
        return run.begun and run.complete and verdicts <= {"pass", "deferred"} and not self.problems

    def summarize(self, terminal: Any, run: Run) -> None:
        """The summary, then what went wrong, then what to type next; with -q what is not as it should be alone."""
        problems = [*_unscored(run), *self.problems] if run.begun else [NOT_BEGUN, *self.problems]
        width, verbosity = terminal._tw.fullwidth, self.config.get_verbosity()
        lines: list[str] = []
        if run.begun and verbosity >= 0:
            lines += summary_lines(run, width)
        elif run.begun and verbosity == -1:
            lines += short_lines(run, width)
        if run.begun and verbosity >= 0:
            lines += _texts_line(run, self.config)
        for file in self.accepted:
            lines.append(f"Accepted: the scores of this run stand in {file} now; review and commit it.")
        lines += problems
        if not problems and verbosity >= 0:
            lines += command_lines(next_command(run, self.config), width)
        if lines and verbosity >= -1:
            terminal.section("PAPILLON", sep="=")
            # What was shown while items ran has left it set, and the next line would begin with an empty one.
            terminal.currentfspath = None
        for line in lines:
            terminal.write_line(line)


def _texts_line(run: Run, config: pytest.Config) -> list[str]:
    """Where the rows' texts are, or why they are nowhere, in one line; none where that is a problem, or was asked."""
    leaving = run.leaving
    if leaving.failure is not None:
        return [] if run.plan.settings.runs_named else [leaving.failure]
    if leaving.folder is None:
        return []
    return [
        f"The rows' texts, private, and the results: {seen_from(config.invocation_params.dir, leaving.folder.path)}"
    ]


#: How to go on after a run whose rows are not complete, by its record mode.
_GO_ON: dict[str, str] = {
    "new": "Run the same command again to go on: what is recorded is replayed.",
    "all": "Run with --eval-record new to go on: what is recorded is replayed.",
    "none": "A strict replay makes no call: run with --eval-record new to go on.",
}


def _unscored(run: Run) -> list[str]:
    rows = run.all_rows()
    failed = [row for row in rows if row.status == "infrastructure_error"]
    if not failed:
        return []
    causes = Counter(row.error or "" for row in failed).most_common(SHOWN_CAUSES)
    # Where a judge is asked no more, the same command makes no call; its sentence says what does.
    spent = all("--eval-record all" in (row.error or "") for row in failed)
    return [
        f"{len(failed)} of {len(rows)} rows have no score, so this run cannot pass:",
        *(f"  {count} × {cause}" for cause, count in causes),
        *([] if spent else [_GO_ON[run.plan.settings.record]]),
    ]
