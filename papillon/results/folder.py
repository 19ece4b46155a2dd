"""A run's folder: its results and the texts of its rows, private, written as rows finish and put in order at the end.

Its place among the others under one folder is here too: its name, which older ones make way, and which one an
unchanged rerun replaces.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from papillon.bounds import MOST_FILE
from papillon.errors import UsageError
from papillon.files import open_plain, plain_lines
from papillon.json_files import read_json
from papillon.profile import CACHE
from papillon.results.traces import TRACES, Trace

__all__ = [
    "KEPT",
    "RESULTS",
    "RUNS",
    "RunFolder",
    "has_results",
    "keep_newest",
    "new_id",
    "run_folders",
    "stamp",
    "under_way",
]

#: The file's name in a run's folder.
RESULTS = "results.json"
#: Where the folders stand where no option says otherwise.
RUNS = CACHE.parent / "runs"
#: How many folders of runs are kept.
KEPT = 20

_NAME = re.compile(r"\d{8}T\d{6}Z-.+-[0-9a-f]{4}")
_REPLAYED, _MADE = b'"replayed": true', b'"replayed": false'


def stamp(moment: datetime.datetime) -> str:
    """A moment as the ids of runs begin with it, so that they sort by time."""
    return f"{moment.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"


def new_id(profile: str, started: datetime.datetime) -> str:
    """The id of a run: when it began, in UTC, its profile's name as far as a file's name can hold it, four digits."""
    name = re.sub(r"[^\w.-]+", "-", profile)[:60].strip(".-") or "run"
    return f"{stamp(started)}-{name}-{secrets.token_hex(2)}"


def run_folders(parent: Path) -> list[Path]:
    """The folders of runs in ``parent``, the oldest first."""
    with contextlib.suppress(OSError):
        entries = [Path(entry) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
        return sorted(entry for entry in entries if _NAME.fullmatch(entry.name))
    return []


def has_results(folder: Path) -> bool:
    """Whether a run's folder holds results; not where that cannot be told."""
    return os.path.isfile(folder / RESULTS)


class RunFolder:
    """One run's folder, while the run is under way; every method raises UsageError where it cannot be written."""

    def __init__(self, parent: Path, run_id: str) -> None:
        """Makes the folder, 0700, and an empty file of traces, 0600, in it."""
        self.path = parent / run_id
        self._lines: dict[tuple[str, int], tuple[int, int]] = {}
        self._end = 0
        with _written(self.path):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700)
            self._traces: IO[bytes] = _private(self.path / TRACES)
            # Held while the run is under way, so that no other run takes its folder for an old one.
            fcntl.flock(self._traces, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def add(self, trace: Trace) -> None:
        """Write one row's texts, for whoever reads along and for the case that the run is killed."""
        line = trace.to_line()
        with _written(self.path):
            self._traces.write(line)
            self._traces.flush()
        self._lines[trace.id, trace.trial] = self._end, len(line)
        self._end += len(line)

    def __contains__(self, row: tuple[str, int]) -> bool:
        """Whether the row of that id and trial was added."""
        return row in self._lines

    def finish(self, order: Iterable[tuple[str, int]], results: str) -> None:
        """Put the rows in their order, by id and trial, and write the results' text beside them."""
        with _written(self.path):
            self._traces.close()
            places = [self._lines[row] for row in order]
            if places != sorted(places) or len(places) < len(self._lines):
                self._put_in_order(places)
            with _private(self.path / f".{RESULTS}") as file:
                file.write(results.encode())
            os.replace(self.path / f".{RESULTS}", self.path / RESULTS)

    def _put_in_order(self, places: Iterable[tuple[int, int]]) -> None:
        with open_plain(self.path / TRACES) as old, _private(self.path / f".{TRACES}") as new:
            for start, size in places:
                old.seek(start)
                new.write(old.read(size))
        os.replace(self.path / f".{TRACES}", self.path / TRACES)

    def close(self) -> None:
        """Write no more, and leave what is there."""
        with contextlib.suppress(OSError):
            self._traces.close()

    def discard(self) -> None:
        """Take the folder away again."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def make_way(self) -> None:
        """Remove what this run replaces: the same profile's run before it where nothing changed, and the oldest."""
        others = [folder for folder in run_folders(self.path.parent) if folder.name != self.path.name]
        own = [folder for folder in others if folder.name[17:-5] == self.path.name[17:-5]]
        if own and _alike(own[-1], self.path):
            shutil.rmtree(own[-1], ignore_errors=True)
            others.remove(own[-1])
        for folder in others[: -(KEPT - 1)]:
            if not under_way(folder):
                shutil.rmtree(folder, ignore_errors=True)


def keep_newest(parent: Path, number: int) -> tuple[list[Path], list[Path]]:
    """Let the folders go that are older than the newest ``number`` (0 and more) of those with results; never one whose
    run is under way. Which went, and which could not be removed."""
    folders = run_folders(parent)
    done = [folder for folder in folders if has_results(folder)]
    kept = folders if number > len(done) else folders[folders.index(done[-number]) :] if number else []
    old = [folder for folder in folders if folder not in kept and not under_way(folder)]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return [each for each in old if not each.exists()], [each for each in old if each.exists()]


def under_way(folder: Path) -> bool:
    """Whether a run is writing there at this moment."""
    try:
        with open_plain(folder / TRACES) as traces:
            fcntl.flock(traces, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _alike(one: Path, other: Path) -> bool:
    """Whether two runs came to the same, apart from times and from which calls were replayed."""
    try:
        if _lasting(one) != _lasting(other):
            return False
        pairs = zip(*(plain_lines(each / TRACES, MOST_FILE) for each in (one, other)), strict=True)
        return all(a.replace(_MADE, _REPLAYED) == b.replace(_MADE, _REPLAYED) for a, b in pairs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _lasting(folder: Path) -> Any:
    """A run's results without what differs between two runs over the same records."""
    results = read_json(folder / RESULTS, links=False)
    for name in ("id", "started", "finished", "seconds", "wall_seconds", "calls", "record"):
        results["run"].pop(name, None)
    for row in results["rows"]:
        row.pop("seconds")
    return results


def _private(path: Path) -> IO[bytes]:
    """A new file that only its owner can read, opened for writing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"Expected to write the run's folder {path}, but it cannot be written ({error.strerror}); "
            "name another place with --eval-runs DIR, or none."
        ) from error
