"""Repair: a cache folder's database made anew of what can be read of the old one, which is set aside whole.

The new one is made apart, then stands beside the old one under a name of its own, and takes its place in one step. Who
is killed in between has lost nothing: before the second step the old one is in use, and after it nobody uses the cache
until a repair has gone on from there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from papillon.errors import StoreError
from papillon.files import make_own_folder
from papillon.store.check import Findings, Report, check, opened, readable
from papillon.store.database import DATABASE, FILES, REPAIRED
from papillon.store.failures import Locked, translated
from papillon.store.finished import FinishedRows
from papillon.store.patience import patiently
from papillon.store.store import Store

__all__ = ["repair"]


def repair(folder: Path) -> Report:
    """Sets aside what is damaged, in a new folder under the cache's ``damaged``, and keeps what is sound.

    The database that was there is kept in that folder whole, its damaged rows beside it as JSON lines. Runs
    that have the cache open meanwhile are told to start again. Finished rows are thrown away with whatever is wrong.
    Where nothing is wrong, nothing is done.
    """
    if not folder.is_dir():
        return check(folder)
    with translated(folder), _alone(folder):
        finished = _finish(folder, _last_folder(folder)) if os.path.lexists(folder / REPAIRED) else None
        _clear(folder)
        report = check(folder)
        if not report.ok:
            FinishedRows(folder).remove()
        if report.damaged or report.faults:
            aside = _new_folder(_damaged(folder))
            return replace(_made_anew(folder, aside), finished=report.finished)
    return report if finished is None else replace(report, aside=finished)


def _made_anew(folder: Path, aside: Path) -> Report:
    try:
        # Who would write waits, and is told afterwards that the database was replaced.
        with opened(folder) as cache, _writing_alone(folder, cache.reader):
            private = os.open(aside / "rows.jsonl", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with open(private, "w", encoding="ascii") as rows, Store(aside / "new") as new:
                findings = Findings(rows)
                new.put_all(readable(folder, cache, findings))
            os.rename(aside / "new" / DATABASE, folder / REPAIRED)
            _finish(folder, aside)
    except BaseException:
        shutil.rmtree(aside / "new", ignore_errors=True)  # what was to be kept is no longer there, or still elsewhere
        raise
    return replace(findings.report(folder, cache.faults), aside=str(aside))


def _finish(folder: Path, aside: Path) -> str:
    """Put the new database in the place of the old one, which goes ``aside`` with its journal; as often as it takes."""
    with contextlib.suppress(FileNotFoundError, FileExistsError):
        try:
            os.link(folder / DATABASE, aside / DATABASE, follow_symlinks=False)
        except PermissionError:  # a file system without links
            os.rename(folder / DATABASE, aside / DATABASE)
    _, journal, index = FILES
    with contextlib.suppress(FileNotFoundError):  # SQLite would take the old one's journal for the new one's
        if os.lstat(folder / journal).st_size:
            os.rename(folder / journal, aside / journal)
        else:
            os.unlink(folder / journal)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / index)
    os.replace(folder / REPAIRED, folder / DATABASE)
    shutil.rmtree(aside / "new", ignore_errors=True)
    return str(aside)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside, no other process repairs the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"The cache {folder} is being repaired by another process: wait for that.") from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing_alone(folder: Path, reader: sqlite3.Connection | None) -> Iterator[None]:
    """Inside, nobody writes in the database, where SQLite can see to that; raises Locked."""
    if reader is not None:
        reader.execute("PRAGMA query_only = 0")
        try:
            patiently(folder, lambda: reader.execute("BEGIN IMMEDIATE"))
        except Locked:
            raise
        except StoreError:
            pass  # too damaged for others, too
        reader.execute("PRAGMA query_only = 1")
    try:
        yield
    finally:
        if reader is not None and reader.in_transaction:
            reader.execute("ROLLBACK")


def _damaged(folder: Path) -> Path:
    """The place of what is set aside; raises StoreError where a link or something else stands there."""
    try:
        make_own_folder(place := folder / "damaged")
    except OSError as error:
        raise StoreError(
            f"Expected to set aside what is damaged in {folder / 'damaged'}, but {error.strerror}; move what is there "
            "away and repair again."
        ) from error
    return place


def _clear(folder: Path) -> None:
    """Take away the databases that killed repairs had begun to make."""
    if os.path.lexists(folder / "damaged"):
        for begun in _damaged(folder).glob("*/new"):
            shutil.rmtree(begun, ignore_errors=True)


def _new_folder(parent: Path) -> Path:
    """A folder in ``parent`` that was not there before, named by the next number."""
    for number in count(1):
        with contextlib.suppress(FileExistsError):
            made = parent / str(number)
            made.mkdir(mode=0o700)
            return made
    raise AssertionError("numbers do not end")


def _last_folder(folder: Path) -> Path:
    """The folder in which the last repair set aside what it found."""
    place = _damaged(folder)
    last = max((int(name) for name in os.listdir(place) if name.isdecimal()), default=0)
    return place / str(last) if last else _new_folder(place)
