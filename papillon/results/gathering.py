"""Gathering: the runs that stand in folders, of this machine and of others, each once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from papillon.errors import UsageError
from papillon.project import EVALUATE
from papillon.results.result import RunResult, read_result

__all__ = ["DEEPEST", "Gathered", "gather"]

#: How many folders below a place are looked into, one in the other.
DEEPEST = 6


@dataclass(frozen=True)
class Gathered:
    """The ``runs`` that were found, the oldest first; the files that are none, with why; how many were ``copies``."""

    runs: tuple[RunResult, ...]
    unread: dict[Path, str]
    copies: int


def gather(places: Sequence[Path]) -> Gathered:
    """The runs of all files ``results*.json`` in and below these folders; a place may be such a file by any name.

    Several files of one run count once. UsageError where a place is not there, or nothing at all is found.
    """
    runs: dict[str, RunResult] = {}
    unread: dict[Path, str] = {}
    copies = 0
    for path in _files(places):
        try:
            result = read_result(path)
        except UsageError as error:
            unread[path] = str(error)
            continue
        copies += result.run.id in runs
        runs.setdefault(result.run.id, result)
    if not runs:
        some = f", and {len(unread)} {'files' if len(unread) > 1 else 'file'} that cannot be read" if unread else ""
        raise UsageError(
            f"Expected results of runs in {' or '.join(map(str, places))}, found none{some}; evaluate with "
            f"{EVALUATE} -m dev, or name a folder with results.json files in it."
        )
    return Gathered(tuple(sorted(runs.values(), key=lambda run: (run.run.started, run.run.id))), unread, copies)


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if os.path.isdir(place):
            yield from _below(place, DEEPEST)
        elif os.path.isfile(place):
            yield place
        else:
            raise UsageError(f"Expected a folder with runs, or a results file, got {str(place)!r}; check its spelling.")


def _below(folder: Path, deep: int) -> Iterator[Path]:
    """The results files in a folder, then below it, in the order of their names; no link is followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("results") and entry.name.endswith(".json") and entry.is_file(follow_symlinks=False):
            yield Path(entry)
    for entry in entries:
        if deep and entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry), deep - 1)
