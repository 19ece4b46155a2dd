"""Report: shows a run to people while it goes and at its end, writes its files, and says whether all was clean."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from typing import Any

import pytest

from evals.harness.results import as_json, write_json
from evals.harness.run import Run
from evals.harness.summary import progress_line, summary_lines

__all__ = ["Report"]


class Report:
    """Progress lines while items wait, and the summary at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        #: What keeps the run from a clean end beside its rows and gates, one sentence each.
        self.problems: list[str] = []
        self.accepted: list[str] = []
        self._run: Run | None = None
        self._next = 0.0

    def begin(self, run: Run) -> None:
        """Show this run from now on."""
        self._run = run
        self._next = time.monotonic() + 2

    def tick(self) -> None:
        """Show how far the run is, every few seconds; called whenever pytest has nothing better to do."""
        terminal: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        now = time.monotonic()
        if self._run is None or terminal is None or self.config.option.verbose < 0:
            return
        lines = self._run.waiting()
        if now >= self._next:
            self._next = now + (5 if terminal.isatty else 10)
            lines.append(progress_line(self._run, terminal._tw.fullwidth))
        if not lines:
            return
        capture: Any = self.config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            path = terminal.currentfspath
            if not terminal._tw.width_of_current_line:
                terminal.currentfspath = None  # at the start of a line there is nothing to break
            for line in lines:
                terminal.write_line(line)
            terminal.flush()  # a log file that fills up in blocks would show nothing for minutes
            # pytest would print the suite's path again before the next letter.
            terminal.currentfspath = path

    def write(self, run: Run) -> None:
        """Write the files that were asked for."""
        if run.plan.settings.results_file is not None:
            write_json(as_json(run), run.plan.settings.results_file)

    def clean(self, run: Run) -> bool:
        """Whether every row is there and every gate and control that was asked for holds, or is left to a later job."""
        verdicts = {result.verdict for result in run.verdicts()}
        verdicts |= {run.control(name, split).verdict for split, name in run.controls}
        return run.complete and verdicts <= {"pass", "deferred"} and not self.problems

    def summarize(self, terminal: Any, run: Run) -> None:
        """The summary, then what went wrong, then what to type next."""
        terminal.section("PAPILLON", sep="=")
        for line in summary_lines(run, terminal._tw.fullwidth):
            terminal.write_line(line)
        for file in self.accepted:
            terminal.write_line(f"Accepted: the scores of this run stand in {file} now; review and commit it.")
        problems = [*_unscored(run), *self.problems]
        for line in problems:
            terminal.write_line(line)
        if not problems:
            terminal.write_line(f"Next: {self._next_command(run)}")

    def _next_command(self, run: Run) -> str:
        """The command for what a reader would look at now: the worst example, else the other split."""
        profile = run.plan.settings.profile
        chosen = (
            "" if profile.name == "embedded" else f" --eval-profile {shlex.quote(str(profile.path or profile.name))}"
        )
        rows = [row for row in run.all_rows() if (row.overall or 0) < 1]
        if len(rows) and len(run.all_rows()) > 1:
            return f"pytest evals -k {min(rows, key=lambda row: row.overall or 0.0).id}{chosen} -vv"
        return f"pytest evals -m {'test' if list(run.examples) == ['dev'] else 'dev'}{chosen}"


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
    causes = Counter(row.error or "" for row in failed).most_common(3)
    return [
        f"{len(failed)} of {len(rows)} rows have no score, so this run cannot pass:",
        *(f"  {count} × {cause}" for cause, count in causes),
        _GO_ON[run.plan.settings.record],
    ]
