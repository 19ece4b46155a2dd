"""Comparing: which runs a user wants beside each other, and what they come to; ``papillon compare`` and its reports."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.harness.reports.compare import comparison_lines, runs_table
from evals.harness.reports.markdown import MOST
from evals.harness.reports.markdown_compare import comparisons_markdown, scores_table
from evals.harness.verdicts.comparison import compare
from evals.harness.verdicts.scores import scores_of
from papillon.commands import launcher, seen_from, showing
from papillon.errors import UsageError
from papillon.files import write_whole
from papillon.results import Measure, RunResult
from papillon.results.comparison import Comparison, selected
from papillon.results.finding import FoundRun, find_run, last_comparable, last_whole
from papillon.results.folder import RESULTS, RUNS
from papillon.results.rows import METRICS
from papillon.results.words import first_of
from papillon.screen import visible

__all__ = ["Compared", "compared", "scores_by_split", "since_last"]


@dataclass(frozen=True)
class Compared:
    """Two runs and more, the first of them beside each other one, and why newer runs were ``passed`` over, by id."""

    runs: tuple[FoundRun, ...]
    comparisons: tuple[Comparison, ...]
    passed: Mapping[str, str]

    def lines(self, width: int, here: Path) -> list[str]:
        """All of it for a window of ``width`` columns, with commands as they are typed in the folder ``here``."""
        if len(self.comparisons) > 1:
            results = [run.result for run in self.runs]
            return runs_table(results, [scores_by_split(each) for each in results], self.comparisons, width)
        path = self.runs[-1].path
        folder = path.parent if path.name == RESULTS else path
        by_id = folder.parent.resolve() == RUNS.resolve()
        show = showing(here, RUNS, folder.name if by_id else seen_from(here, folder.resolve()))
        return comparison_lines(self.comparisons[0], width, show=show, passed=self.passed)

    def summarise(self, file: Path, here: Path) -> None:
        """Write it for a pull request, without a text; UsageError where it cannot be written."""
        places = [run.path.parent if run.path.name == RESULTS else run.path for run in self.runs]
        named = [seen_from(here, place.resolve()) for place in places]
        command = shlex.join([*launcher(here, "papillon"), "compare", *named])
        table = ""
        if len(self.comparisons) > 1:
            scores = [scores_by_split(run.result) for run in self.runs]
            table = scores_table(self.named, scores)
        write_whole(file, comparisons_markdown(self.comparisons, MOST, command, scores=table))

    def plot(self, file: Path) -> None:
        """Write quality against leakage as a picture, with the controls that answer; UsageError where it cannot be
        written."""
        # Each evaluation loads this module, and few draw.
        from evals.harness.reports.trade_off import controls_beside, trade_off

        runs = [(name, scores_by_split(result)) for name, result in self.named]
        controls = controls_beside([(name, result.controls) for name, result in self.named])
        write_whole(file, trade_off([*runs, *controls]).file())

    @property
    def named(self) -> list[tuple[str, RunResult]]:
        """Each run by what it is called beside the others: its profile where all differ in it, else its id without the
        time that it begins with."""
        results = [run.result for run in self.runs]
        profiles = [result.run.profile for result in results]
        ids = [result.run.id.partition("Z-")[2] or result.run.id for result in results]
        return list(zip(profiles if len(set(profiles)) == len(profiles) else ids, results, strict=True))


def compared(names: Sequence[str], runs: Path) -> Compared:
    """The runs that are named, the earliest first, each as :func:`papillon.results.finding.find_run` takes it; one name
    means that run after its last comparable one, and none the newest run after its own.

    UsageError where a run is not there, or two cannot be compared, with the reason.
    """
    passed: dict[str, str] = {}
    found = [find_run(name, runs) for name in names]
    if len(found) < 2:
        if not found:
            newest, passed = last_whole(runs)
            if newest is None:
                raise UsageError(_shown(f"Expected two comparable runs in {runs}, but {_why(passed)}; {_NAME}."))
            found = [newest]
        before, older = last_comparable(found[0].result, runs)
        if before is None:
            wanted = f"a run in {runs} that {found[0].name} can be compared with"
            raise UsageError(_shown(f"Expected {wanted}, but {_why(older)}; {_NAME}."))
        passed |= older
        found = [before, found[0]]
    try:
        comparisons = tuple(compare(found[0].result, other.result) for other in found[1:])
    except ValueError as error:
        raise UsageError(f"Expected scores in 0..1 in both runs, but {error}; name other runs.") from None
    for comparison in comparisons:
        if not comparison.comparable:
            both = f"{comparison.before} and {comparison.after}"
            raise UsageError(
                _shown(
                    f"Expected runs that can be compared, but {both} cannot: {comparison.refused}; "
                    "papillon runs lists them."
                )
            )
    return Compared(tuple(found), comparisons, passed)


def since_last(result: RunResult, runs: Path | None) -> Comparison | None:
    """What changed since the last run in ``runs`` that is comparable to this one, without slices.

    None where there is none, and where this run saw a part of its splits only; ValueError for scores that are none.
    """
    if runs is None or selected(result):
        return None
    found, _ = last_comparable(result, runs)
    return None if found is None else compare(found.result, result, sliced=False)


def scores_by_split(result: RunResult) -> dict[str, dict[str, Measure]]:
    """A run's means with their intervals, by split and metric."""
    return {split: scores_of(result.of(split), METRICS) for split in sorted({row.split for row in result.rows})}


_NAME = "name two with papillon compare A B, papillon runs lists them"


def _shown(sentence: str) -> str:
    """A sentence that quotes results files, which may be anybody's, as a terminal can take it."""
    return visible(sentence, one_line=True)


def _why(passed: Mapping[str, str]) -> str:
    """Why none of a folder's runs is offered, each reason once."""
    if not passed:
        return "there is none"
    return f"none of its {len(passed)} is one: {', '.join(first_of(list(dict.fromkeys(passed.values())), 3))}"
