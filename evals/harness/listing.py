"""Listing: the runs that left a folder, and letting the older ones go; ``papillon runs``."""

from __future__ import annotations

from pathlib import Path

from evals.harness.reports.runs import runs_lines
from papillon.errors import UsageError
from papillon.project import EVALUATE
from papillon.results import RunResult, read_result
from papillon.results.finding import finished
from papillon.results.folder import RESULTS, has_results, keep_newest, run_folders, under_way

__all__ = ["let_go", "listed"]


def listed(runs: Path, width: int) -> list[str]:
    """The runs in a folder, the newest last, as lines; a folder that cannot be read is named with the reason."""
    folders = run_folders(runs)
    if not folders:
        return [f"No run left a folder in {runs}; evaluate with {EVALUATE} -m dev, or name another place with --runs."]
    back = {folder: number for number, folder in enumerate(reversed(finished(runs)))}
    words = {folder: f"last~{number}" if number else "last" for folder, number in back.items()}
    return runs_lines([(folder.name, words.get(folder, ""), _left(folder)) for folder in folders], width)


def let_go(runs: Path, number: int) -> tuple[list[str], bool]:
    """Let the folders go that are older than the newest ``number`` runs with results: which went, and whether all did.

    UsageError for a number below 0.
    """
    if number < 0:
        raise UsageError(f"--keep: expected a number of runs of at least 0, got {number}; 0 keeps none.")
    gone, stayed = keep_newest(runs, number)
    lines = [f"Removed {folder.name}." for folder in gone]
    lines += [f"{folder.name} could not be removed: check who may write there." for folder in stayed]
    return lines or [f"Nothing is older than the newest {number} runs in {runs}."], not stayed


def _left(folder: Path) -> RunResult | str:
    """What a run came to, or in a sentence why nothing can be said of it."""
    if not has_results(folder):
        return "it is under way." if under_way(folder) else "it came to no results: it was stopped, or killed."
    try:
        return read_result(folder / RESULTS)
    except UsageError as error:
        return str(error)
