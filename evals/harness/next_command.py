"""Next command: what to type after a run, so that it runs in the folder where the run was started.

It shows what a reader would look at now: a row that became worse where a regression did not pass, else the worst
row; and where all rows are good it runs what was not run. And what to type for the same run again stands here too.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

import pytest

from evals.harness.plan import SPLITS
from evals.harness.reports.worst import worst_first, worth
from papillon.commands import data_at_hand, launcher, suites
from papillon.results import GateResult, Row, RunResult
from papillon.results.rows import COSTS

__all__ = ["command_lines", "next_command", "same_command", "worst_row"]

#: Options that chose what was run, how, and what it might cost; the others write files, compare or take a part.
_REPEATED = (
    "--eval-profile",
    "--eval-dataset",
    "--eval-split",
    "--eval-limit",
    "--eval-trials",
    "--eval-program",
    "--eval-judge",
    "--eval-concurrency",
    "--eval-record",
    "--eval-cache",
    "--eval-runs",
    "--eval-labels",
    "--eval-max-calls",
    "--eval-max-cost",
)

#: Options that write, or say where; who runs the same again has places of his own, and accepts nothing by it.
_WRITING = ("--eval-accept", "--eval-export", "--eval-report", "--eval-results", "--eval-summary", "--junitxml")


def same_command(config: pytest.Config) -> str:
    """The command that was typed, as a shell takes it in the folder where it was, without what writes files."""
    words, given = [], iter(config.invocation_params.args)
    for word in map(str, given):
        flag, equals, _ = word.partition("=")
        if flag not in _WRITING:
            words.append(word)
        elif not equals and flag != "--eval-accept":
            next(given, None)  # its value
    profile = os.environ.get("PAPILLON_PROFILE")
    named = any(word.partition("=")[0] == "--eval-profile" for word in words)
    variable = [f"PAPILLON_PROFILE={shlex.quote(profile)}"] if profile and not named else []
    return " ".join([*variable, shlex.join([*launcher(config.invocation_params.dir), *words])])


def next_command(result: RunResult, config: pytest.Config) -> list[str]:
    """The command's words, each as a shell takes it."""
    folder = config.invocation_params.dir
    words = [*launcher(folder), *_of_pytest(config), *suites(folder)]
    if (example := worst_row(result.rows, result.gates)) is not None:
        words += ["-k", example, "-vv"]
    else:
        words += ["-m", _not_run(result)]
        if workers := config.getoption("numprocesses", None):
            words += ["-n", str(workers)]
    for flag in _REPEATED:
        value = config.getoption(flag)
        if flag == "--eval-profile":
            value = value or os.environ.get("PAPILLON_PROFILE")
        if value:
            # With a space pytest might take a file's name for a path to tests.
            words.append(f"{flag}={value}")
    return data_at_hand(result.run.dataset.name) + [shlex.quote(word) for word in words]


def _of_pytest(config: pytest.Config) -> list[str]:
    """pytest's own options that decide which settings and plugins a run has; those of the settings' file come again."""
    given = config.option
    words = [] if given.inifilename is None else ["-c", given.inifilename]
    if given.rootdir is not None:
        words.append(f"--rootdir={given.rootdir}")
    own = config.getini("addopts")
    # What was switched off is not missed by one row.
    for plugin in dict.fromkeys(name for name in given.plugins or () if name not in own and not name.startswith("no:")):
        words += ["-p", plugin]
    return words


def worst_row(rows: Sequence[Row], verdicts: Sequence[GateResult]) -> str | None:
    """The id of the row to look at: the largest worsening of a regression that did not pass, else the lowest overall.

    None where all are as good as can be, or where there is one alone, which has been looked at.
    """
    if len({row.id for row in rows}) < 2:
        return None
    for wanted in ("fail", "inconclusive"):
        for result in verdicts:
            # Among what flipped the largest worsening comes first; where none became worse, one that rose.
            flip = next(iter(result.flipped), None) if result.verdict == wanted else None
            if flip is not None and (flip.after > flip.before) == (result.metric in COSTS):
                return flip.id
    worst = worst_first(rows)[0]
    return worst.id if worth(worst) < 1 else None


def command_lines(words: list[str], width: int) -> list[str]:
    """The command on one line where it fits, else on several that a shell takes as one."""
    lines = ["Next:"]
    for place, word in enumerate(words):
        last = place == len(words) - 1
        if len(lines[-1]) + 1 + len(word) + (0 if last else 2) <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"  {word}")
    return lines


def _not_run(result: RunResult) -> str:
    """A mark whose suite this run had not: of split ``all`` both parts are the same rows."""
    data, own = result.run.dataset, tuple(split.name for split in result.splits)
    ran = SPLITS if own and data.split == "all" else own
    left = [split for split in SPLITS if split not in ran and data.sizes.get(split)]
    return left[0] if left else "dev" if result.judge else "judges"
