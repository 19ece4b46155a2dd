"""The database of a cache folder: its form, how it is made, and how it is opened to read and to write.

A folder's ``cache.db`` is a diskcache of one exact form. What has another form is refused by name before
diskcache sees it, because diskcache obeys the settings that it finds, and SQLite the triggers. The file is
never opened but through SQLite: closing a descriptor of one's own would drop SQLite's locks on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import METADATA

from papillon.errors import StoreError
from papillon.project import keep_out_of_git
from papillon.store.disk import RecordDisk
from papillon.store.failures import UNREADABLE, is_damage, repair_hint, translated

__all__ = [
    "DATABASE",
    "FILES",
    "FORMAT",
    "REPAIRED",
    "connection",
    "create",
    "faults",
    "form_fault",
    "identity",
    "lost",
    "open_reader",
    "open_writer",
    "refuse_unfinished",
    "require_format",
    "require_plain",
]

DATABASE = "cache.db"

#: The database with SQLite's journal and the journal's index beside it.
FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")

#: A database that a repair made and that is to take the place of the old one, which nobody uses any more.
REPAIRED = f"{DATABASE}-repaired"

#: The number of the form below, kept as SQLite's ``user_version``; another form gets another number.
FORMAT = 1

#: Every setting that diskcache keeps. Nothing is ever evicted; no memory map, since a file that is cut short
#: under one kills the process; NORMAL keeps what was acknowledged through any death of a process.
SETTINGS: dict[str, Any] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",
    "size_limit": 2**62,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 0,
    "sqlite_cache_size": 2**13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 1,
    "disk_min_file_size": 0,
    "disk_pickle_protocol": 0,
}

#: What diskcache counts among its settings.
COUNTERS = {name.encode() for name in METADATA}

#: sha256 over the statements that diskcache 5.6.3 makes its tables, indexes and triggers with.
SCHEMA = "2488d6235f3d93090b4ee9ad2309bcefa3e19117a8e35f1bd1a8fa2e48304f23"


class _Impatient(diskcache.Cache):  # type: ignore[misc]
    """A diskcache that never waits for a lock by itself: it would for a minute with each statement that opens it."""

    @property
    def _sql_retry(self) -> Any:
        return self._sql


def identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of the folder's database; None where there is none, or nothing in it."""
    try:
        found = os.lstat(os.path.join(folder, DATABASE))  # on the way of every put: pathlib takes longer
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size else None


def lost(folder: Path) -> bool:
    """Whether the folder's database was emptied, or deleted without its journal."""
    left = any(os.path.lexists(folder / name) for name in (DATABASE, f"{DATABASE}-wal"))
    return left and identity(folder) is None


def refuse_unfinished(folder: Path) -> None:
    """Raises StoreError where a repair of the folder was ended before its last step."""
    if os.path.lexists(folder / REPAIRED):
        raise StoreError(f"A repair of the cache {folder} was not finished: {repair_hint(folder)}.")


def require_plain(folder: Path) -> tuple[int, int] | None:
    """The database's :func:`identity`, None where the folder has no database.

    Raises StoreError where a link or something else stands in the place of one of its files.
    """
    with translated(folder):
        for name in FILES:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.lstat(folder / name).st_mode):
                    raise StoreError(f"The cache {folder} holds a {name} that is no plain file: remove it by hand.")
        return identity(folder)


def open_writer(folder: Path) -> diskcache.Cache:
    """The diskcache over the folder's database, whose form :func:`open_reader` approved, or over a new one.

    Opening writes, so a folder that cannot be written is refused here, as a StoreError. Neither this nor what is done
    with it waits while another process writes: that is Locked at once.
    """
    with translated(folder):
        return _writer(folder)


def _directory(folder: Path) -> str:
    """How diskcache is told the folder; StoreError where it would take it for another one."""
    directory = str(folder.absolute())
    if os.path.expandvars(directory) != directory:
        raise StoreError(
            f"The cache {directory} has the name of an environment variable in its path, which diskcache "
            "would replace: use another folder with --eval-cache."
        )
    return directory


def _writer(folder: Path) -> diskcache.Cache:
    return _Impatient(_directory(folder), disk=RecordDisk, timeout=0, **SETTINGS)


def create(folder: Path) -> None:
    """Makes the folder, private, and an empty database in it, where there is none.

    The database appears under its name when it is whole, so that an empty file there always means damage.
    """
    refuse_unfinished(folder)
    _directory(folder)
    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keep_out_of_git()
        if os.path.lexists(folder / DATABASE) or lost(folder):
            return
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as made:
            _writer(Path(made)).close()
            new = Path(made) / DATABASE
            numbered = sqlite3.connect(new)
            numbered.execute(f"PRAGMA user_version = {FORMAT}")
            numbered.close()
            new.chmod(0o600)
            with contextlib.suppress(FileExistsError):
                os.link(new, folder / DATABASE)


def open_reader(folder: Path) -> sqlite3.Connection | None:
    """A :func:`connection` to the folder's database; None where there is none.

    Raises StoreError where it was emptied or lost, or is not of this version's form.
    """
    refuse_unfinished(folder)
    with translated(folder):
        if lost(folder):
            raise StoreError(f"The cache {folder} has lost what was in its {DATABASE}: {repair_hint(folder)}.")
        if require_plain(folder) is None:
            return None
        reader = connection(folder)
        try:
            require_format(folder, reader)
            if fault := form_fault(reader):
                raise StoreError(
                    f"The cache {folder} is not as this project makes it ({fault}): {repair_hint(folder)}."
                )
        except BaseException:
            reader.close()
            raise
    return reader


def connection(folder: Path, *, wait: float = 0.0) -> sqlite3.Connection:
    """A connection for queries alone, whatever the form of the database; raises sqlite3.Error.

    Any thread may use it, one at a time. Texts come as bytes. ``wait`` is for how many seconds each statement waits
    where another process keeps the database for itself; no Ctrl-C ends that.
    """
    address = (folder / DATABASE).absolute().as_uri()
    try:
        return _connection(f"{address}?mode=rw", wait)
    except sqlite3.OperationalError as error:
        # A folder that cannot be written has no room for SQLite's index of the journal; without a
        # journal there is nothing to index.
        refused = error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
        if not refused or os.path.lexists(folder / f"{DATABASE}-wal"):
            raise
        return _connection(f"{address}?immutable=1", wait)


def _connection(address: str, wait: float) -> sqlite3.Connection:
    opened = sqlite3.connect(address, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        opened.text_factory = bytes
        opened.execute("PRAGMA query_only = 1")
        opened.execute("PRAGMA trusted_schema = 0")
        opened.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()
    except BaseException:
        opened.close()
        raise
    return opened


def require_format(folder: Path, reader: sqlite3.Connection) -> None:
    """Raises StoreError where the database has another format's number."""
    ((number,),) = reader.execute("PRAGMA user_version").fetchall()
    if number != FORMAT:
        raise StoreError(
            f"The cache {folder} is of format {number}, and this version reads format {FORMAT}: "
            "use the version that wrote it, or another folder with --eval-cache."
        )


def form_fault(reader: sqlite3.Connection) -> str | None:
    """What of the database is not as :func:`create` made it; None where all is."""
    statements = sorted(sql or b"" for (sql,) in reader.execute("SELECT sql FROM sqlite_master"))
    if hashlib.sha256(b"\n".join(statements)).hexdigest() != SCHEMA:
        return "its tables, indexes or triggers are others"
    kept = dict(reader.execute("SELECT key, value FROM Settings").fetchall())
    made = {name.encode(): value.encode() if isinstance(value, str) else value for name, value in SETTINGS.items()}
    if {name: value for name, value in kept.items() if name not in COUNTERS} != made:
        return "its settings are others"
    return None


def faults(reader: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the database's structure, at most 20 lines; empty when it is sound.

    Raises sqlite3.Error where the database is out of reach.
    """
    try:
        found = reader.execute("PRAGMA integrity_check(20)").fetchall()
    except UNREADABLE as error:
        if not is_damage(error):
            raise
        return [str(error)]
    return [] if found == [(b"ok",)] else [line.decode(errors="replace") for (line,) in found]
