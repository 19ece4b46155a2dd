"""Show: what ``papillon show`` prints: a run's rows, the worst first, or one row with everything about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals.harness.reports.example import example_view
from evals.harness.reports.lines import Lines
from evals.harness.reports.worst import row_lines, worst_first
from papillon.commands import seen_from
from papillon.errors import UsageError
from papillon.results.finding import FoundRun, find_row, find_run, finished, names_run
from papillon.results.traces import TRACES
from papillon.screen import visible

__all__ = ["Shown", "found_in", "shown"]


@dataclass(frozen=True)
class Shown:
    """The lines to print, and 1 where texts were asked for that are nowhere, else 0."""

    lines: list[str]
    code: int = 0


def found_in(runs: Path, first: str | None, second: str | None) -> tuple[FoundRun, str | None]:
    """The run and the row's id, None for all rows, that up to two words name; one names a run where it can.

    Raises UsageError, in one sentence, for what is neither.
    """
    if first is None or (second is None and not names_run(first, runs)):
        run, row = find_run("last", runs), first
    else:
        run, row = find_run(first, runs), second
    if row is None:
        return run, None
    try:
        return run, find_row(run.result, row)
    except UsageError as error:
        if second is None and (elsewhere := _elsewhere(runs, row)):
            raise UsageError(f"{str(error).removesuffix('.')}, and {elsewhere}.") from None
        raise


def _elsewhere(runs: Path, row: str) -> str:
    """Which of the runs before the last one has a row that was looked for, in words."""
    for back, folder in enumerate(reversed(finished(runs))):
        try:
            find_row(FoundRun.at(folder).result, row)
        except UsageError:
            continue
        return f"last~{back} has it"
    return ""


def shown(run: FoundRun, row: str | None, trial: int | None, lines: Lines, *, runs: Path, command: str) -> Shown:
    """All rows of a run, or the one of that id with its texts, in one ``trial`` or in all of them.

    ``command`` is what to type before a row's id.
    """
    if row is None:
        return Shown(_rows(run, lines, runs, command))
    rows = [each for each in run.result.rows if each.id == row and trial in (None, each.trial)]
    if not rows:
        there = ", ".join(str(each.trial) for each in run.result.rows if each.id == row)
        raise UsageError(f"--trial: expected one that {row} has ({there}), got {trial}; leave it out for all of them.")
    found = [(each, None if run.traces is None else run.traces.find(each.id, each.trial)) for each in rows]
    view = example_view(found, run.result.run.models, lines)
    if all(trace is not None for _, trace in found):
        return Shown(view)
    return Shown([*view, "", *lines.said(visible(_nowhere(run, runs), one_line=True), indent=0)], 1)


def _rows(run: FoundRun, lines: Lines, runs: Path, command: str) -> list[str]:
    rows = worst_first(run.result.rows)
    examples = len({row.id for row in rows})
    head = visible(f"Run {run.name}: {examples} example{'s' * (examples != 1)}, the worst first.", one_line=True)
    listed = [*lines.said(head, indent=0), *row_lines(rows, lines.width, trials=run.result.run.trials)]
    if run.traces is None:
        return [*listed, *lines.said(visible(_nowhere(run, runs), one_line=True), indent=0)]
    # A command is to be copied, and not cut.
    return [*listed, "One with all its texts:", f"  {visible(command, one_line=True)} ID"]


def _nowhere(run: FoundRun, runs: Path) -> str:
    """Where the texts would be of a run, or of a row, that has none beside its results."""
    here = Path.cwd()
    if run.traces is not None:
        file = seen_from(here, run.traces.path)
        return f"Expected this row's texts in {file}, but they are not there; make the run again."
    file, folder = seen_from(here, run.path), seen_from(here, runs / run.name)
    found = "they are there: name that" if (runs / run.name / TRACES).exists() else "there is none, so make it again"
    return f"{file} has no texts beside it: a run leaves them in its own folder alone, {folder}; {found}."
