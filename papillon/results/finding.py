"""Finding: the run, and the row of it, that a user names on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from papillon.commands import EVALUATE
from papillon.errors import UsageError
from papillon.results.folder import RESULTS, run_folders
from papillon.results.result import RunResult, read_result
from papillon.results.traces import TRACES, Traces

__all__ = ["FoundRun", "find_row", "find_run", "finished", "names_run"]

_LAST = re.compile(r"last(?:~(\d{1,6}))?")


@dataclass(frozen=True)
class FoundRun:
    """A run that was found: its ``result``, the ``path`` of the results file, and its rows' texts, None without."""

    result: RunResult
    path: Path
    traces: Traces | None

    @classmethod
    def at(cls, path: Path) -> FoundRun:
        """The run of a folder or of a results file; UsageError where it cannot be read."""
        file = path / RESULTS if path.is_dir() else path
        traces = Traces(file.parent) if (file.parent / TRACES).exists() and file.name == RESULTS else None
        return cls(read_result(file), file, traces)

    @property
    def name(self) -> str:
        """The run's id."""
        return self.result.run.id


def finished(runs: Path) -> list[Path]:
    """The folders in ``runs`` of the runs that came to results, the oldest first."""
    return [folder for folder in run_folders(runs) if (folder / RESULTS).is_file()]


def names_run(text: str, runs: Path) -> bool:
    """Whether a word names a run rather than a row of one: ``last``, an id, a folder or a file."""
    return _LAST.fullmatch(text) is not None or _path(text, runs) is not None


def find_run(text: str, runs: Path) -> FoundRun:
    """The run that a user names: a folder, a results file, an id in ``runs``, ``last`` or ``last~N``.

    UsageError where there is none, or its results cannot be read.
    """
    if (last := _LAST.fullmatch(text)) is not None:
        back, folders = int(last[1] or 0), finished(runs)
        if back >= len(folders):
            there = {0: "holds none", 1: "holds one"}.get(len(folders), f"holds {len(folders)}")
            raise UsageError(
                f"Expected {'a run' if not back else f'{back + 1} runs'} in {runs} for {text!r}, but it {there}; "
                f"evaluate with {EVALUATE} -m dev, or name another place with --runs."
            )
        return FoundRun.at(folders[-1 - back])
    if (path := _path(text, runs)) is None:
        raise UsageError(
            f"Expected a run: its folder, results file or id, last or last~N; got {text!r}, which is none of {runs}; "
            "papillon runs lists them."
        )
    return FoundRun.at(path)


def find_row(result: RunResult, text: str) -> str:
    """The id of the row that a user names by it or by a beginning that no other has; UsageError otherwise."""
    ids = list(dict.fromkeys(row.id for row in result.rows))
    if text in ids:
        return text
    found = [each for each in ids if each.startswith(text)]
    if len(found) == 1 and text:
        return found[0]
    some = f"{', '.join(found[:3])}{' …' if len(found) > 3 else ''}"
    came = f"{len(found)} begin with it ({some})" if found and text else f"none of its {len(ids)} begins with it"
    raise UsageError(
        f"Expected a row of run {result.run.id} by its id or a beginning that one alone has, got {text!r}: {came}; "
        "papillon show lists them."
    )


def _path(text: str, runs: Path) -> Path | None:
    """The folder or file of a run that a word names, None where it is neither a path nor an id."""
    for path in (Path(text), runs / text):
        if text and (path.is_file() or (path / RESULTS).is_file()):
            return path
    return None
