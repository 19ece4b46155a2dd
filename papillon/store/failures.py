"""What an error of SQLite, diskcache or the file system means to a user of the cache, in one sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import diskcache

from papillon.errors import StoreError

__all__ = ["FAILURES", "UNREADABLE", "Locked", "failure", "is_damage", "is_lock", "repair_hint", "translated"]

#: SQLite's names of the errors that damage leads to; ERROR is a table missing, or a format unknown to it.
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_IOERR_SHORT_READ", "SQLITE_ERROR")

#: What reading a damaged database may raise; Python fails to decode messages that quote what is damaged.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)

#: What may be raised on the way to a cache, and becomes a StoreError.
FAILURES = (*UNREADABLE, diskcache.Timeout, OSError)

#: SQLite's names of the errors of a file that takes no more, be it for a full disk, a quota or a limit of the process.
REFUSED = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE")

#: SQLite's names of the errors of a database that another process keeps for itself.
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")

#: Bytes of the longest path of a folder in which a database can be made: SQLite's bound is 512 with its files' names.
LONGEST_PATH = 480


class Locked(StoreError):
    """Another process keeps the database at this moment: nothing was done, and a later try may succeed."""


def repair_hint(folder: Path) -> str:
    """The words that end a message about damage."""
    return f"run `python -m papillon cache repair {folder}`"


def is_damage(error: BaseException) -> bool:
    """Whether ``error``, one of UNREADABLE, means that the database is damaged, not that it is out of reach."""
    return isinstance(error, UnicodeDecodeError) or getattr(error, "sqlite_errorname", "").startswith(DAMAGE)


def is_lock(error: BaseException) -> bool:
    """Whether ``error`` means that another process keeps the database at this moment."""
    return getattr(error, "sqlite_errorname", "").startswith(BUSY)


def failure(folder: Path, error: Exception) -> StoreError:
    """What an error of SQLite, diskcache or the file system means to a user of the cache in ``folder``."""
    cause: BaseException = error
    # diskcache wraps every refusal in a Timeout, and rolls back where SQLite already has.
    while isinstance(cause.__context__, (sqlite3.Error, OSError)):
        cause = cause.__context__
    name = getattr(cause, "sqlite_errorname", "")
    said = str(cause) or type(cause).__name__
    if name.startswith("SQLITE_FULL") or getattr(cause, "errno", None) == errno.ENOSPC:
        return StoreError(
            f"The disk that holds the cache {folder} is full ({said}): free some space and run again; "
            "what was recorded before is kept."
        )
    if name.startswith(REFUSED) or getattr(cause, "errno", None) in (errno.EDQUOT, errno.EFBIG):
        return StoreError(
            f"The disk that holds the cache {folder} takes no more ({said}): see whether a quota or a limit on the "
            "size of files is reached, and run again; what was recorded before is kept."
        )
    if is_lock(cause) or isinstance(cause, diskcache.Timeout):
        return Locked(
            f"The cache {folder} is locked by another process ({said}): wait for it or end it, and run again."
        )
    # SQLite opens no database where it may make no journal.
    closed = name.startswith("SQLITE_CANTOPEN") and folder.is_dir() and not os.access(folder, os.W_OK)
    if closed or name.startswith(("SQLITE_READONLY", "SQLITE_PERM")) or isinstance(cause, PermissionError):
        return StoreError(
            f"The cache {folder} cannot be written ({said}): make it writable, use another folder with "
            "--eval-cache, or replay what is recorded with --eval-record none."
        )
    if name.startswith("SQLITE_CANTOPEN") and len(os.fsencode(folder.absolute())) > LONGEST_PATH:
        return StoreError(
            f"The cache {folder} has a path of more than {LONGEST_PATH} bytes, which SQLite does not open: "
            "use a shorter one with --eval-cache."
        )
    if is_damage(cause):
        return StoreError(f"The cache {folder} is damaged ({said}): {repair_hint(folder)}.")
    return StoreError(
        f"The cache {folder} cannot be used ({said}): see that it is a folder of yours on a local disk, "
        "or use another with --eval-cache."
    )


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turns the errors of SQLite, diskcache and the file system into StoreErrors about ``folder``."""
    try:
        yield
    except FAILURES as error:
        raise failure(folder, error) from error
