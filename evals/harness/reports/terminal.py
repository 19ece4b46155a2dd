"""Terminal: a run's last lines, as pytest's terminal shows them: the summary, what went wrong, what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from evals.harness.causes import go_on
from evals.harness.reports.summary import short_lines, summary_lines
from papillon.results import RunResult
from papillon.screen import visible
from papillon.tables import wrapped

__all__ = ["NOT_BEGUN", "closing_lines", "unscored", "write_section"]

SHOWN_CAUSES = 3

NOT_BEGUN = "No item got as far as asking for its result, so no model was asked and nothing was evaluated."


def closing_lines(
    result: RunResult,
    width: int,
    *,
    verbosity: int = 0,
    left: str = "",
    show: str = "",
    unshown: str = "",
    since: str = "",
    accepted: Sequence[str] = (),
    following: Sequence[str] = (),
) -> list[str]:
    """The lines for a window of ``width`` columns: all of them, with -q (``verbosity`` -1) what is not as it should be.

    ``left`` says where the rows' texts and the page are, ``show`` is what to type before a row's id to see them,
    ``unshown`` which were not shown; ``since`` says what moved since the last comparable run, ``accepted`` names the
    baseline files that were written; ``following``, on what to type next, are shown where there are no problems.
    """
    problems = [*(unscored(result) if result.run.begun else [NOT_BEGUN]), *result.problems]
    lines: list[str] = []
    if result.run.begun and verbosity >= 0:
        lines += summary_lines(result, width, left, show, since)
    elif result.run.begun and verbosity == -1:
        lines += short_lines(result, width)
    lines += [f"Accepted: the scores of this run stand in {file} now; review and commit it." for file in accepted]
    lines += [*wrapped(unshown, width), *problems]
    return lines if problems or verbosity < 0 else [*lines, *following]


def write_section(terminal: Any, lines: Sequence[str], *, verbosity: int = 0) -> None:
    """Write lines through pytest's terminal reporter, under a heading unless it was asked for much less (-qq)."""
    if lines and verbosity >= -1:
        terminal.section("PAPILLON", sep="=")
        # What was shown while items ran has left it set, and the next line would begin with an empty one.
        terminal.currentfspath = None
    for line in lines:
        terminal.write_line(visible(line, one_line=True))


def unscored(result: RunResult) -> list[str]:
    """How many rows have no score, why, and how to go on, a line each; nothing where all have one."""
    failed = [row for row in result.rows if row.status == "infrastructure_error"]
    if not failed:
        return []
    every = Counter(row.error or "" for row in failed)
    # What was merely stopped comes last: it is no cause.
    causes = sorted(every.items(), key=lambda cause: (" was stopped before " in cause[0], -cause[1]))
    rest = causes[SHOWN_CAUSES:]
    # Where a judge is asked no more, the same command makes no call; its sentence says what does.
    spent = all("--eval-record all" in (row.error or "") for row in failed)
    return [
        f"{len(failed)} of {len(result.rows)} rows have no score, so this run cannot pass:",
        *(f"  {count} × {cause}" for cause, count in causes[:SHOWN_CAUSES]),
        *([f"  {sum(count for _, count in rest)} × {len(rest)} other causes"] if rest else []),
        *([] if spent else [f"{go_on(result.run.record).capitalize()}."]),
    ]
