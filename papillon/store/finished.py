"""Finished rows: which recorded calls each finished row of an evaluation rests on, in ``rows.db`` beside them.

No text and no score stands here, so there is nothing in it to believe: a row is read again from the records that are
named. That they are this row's, and no other sound ones, a keyed hash holds, whose secret lies apart from the cache: a
file that came from elsewhere is made anew. What a row's key is, and what its calls must hold, is the harness's matter;
here stand the file and its form. The file can be thrown away at any time, is private (0600), and holds the rows that
were used last, up to LIMIT.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from papillon.files import open_plain
from papillon.profile import CACHE
from papillon.project import keep_out_of_git
from papillon.store.failures import is_lock
from papillon.store.records import is_key

__all__ = ["FINGERPRINT", "LIMIT", "SECRET", "FinishedRows", "Named"]

#: The calls of one row, in order: what each was for, and its key.
Named = tuple[tuple[str, str], ...]

#: What stands in a call's place for the program itself: a hash over what its prompts say, which no call has.
FINGERPRINT = "fingerprint"

#: How many rows are kept; the ones that were not used for longest go first. Each takes some 600 bytes.
LIMIT = 50_000
#: The longest text that may name a row's calls.
LONGEST = 100_000

#: Where the secret of this project's caches lies; whoever carries a cache leaves it behind.
SECRET = CACHE.parent / "rows.key"

FORMAT = 3
TABLE = (
    "CREATE TABLE rows (key TEXT PRIMARY KEY, calls TEXT NOT NULL, hash TEXT NOT NULL, day INTEGER NOT NULL) "
    "WITHOUT ROWID"
)
_PART = re.compile(r"[a-z-]{1,20}")
_SECONDS = 86_400
#: Seconds to wait for another process that writes; no Ctrl-C ends that, and the file can do without these rows.
_WAIT = 0.5


class FinishedRows:
    """The file of one cache folder; what cannot be read is as good as not there, and made anew when it is written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "rows.db"
        self._secret = _secret()
        self._old: set[str] = set()

    def get(self, keys: Iterable[str]) -> dict[str, Named]:
        """The calls of those rows that are kept."""
        found: dict[str, Named] = {}
        today = _today()
        with contextlib.suppress(sqlite3.Error):
            if self.fault() is not None:
                return found
        with contextlib.suppress(sqlite3.Error, OSError), self._connected("ro") as database:
            if not self._wrote(database):
                return found
            select = (
                "SELECT key, substr(calls, 1, ?), substr(hash, 1, 64), day FROM rows "
                "WHERE key IN (SELECT value FROM json_each(?))"
            )
            for key, calls, hashed, day in database.execute(select, (LONGEST, json.dumps(list(keys)))):
                if (named := self._read(key, calls, hashed)) is not None:
                    found[key] = named
                    if day != today:
                        self._old.add(key)
        return found

    def put(self, rows: Mapping[str, Named], used: Iterable[str] = ()) -> None:
        """Keep rows, all or none, note which others were ``used``, and let those go that are too many."""
        old = self._old.intersection(used)
        if not (rows or old) or not self.folder.is_dir() or self._secret is None:
            return
        today = _today()
        lines = [(key, calls := json.dumps(named), self._hash(key, calls), today) for key, named in rows.items()]
        with contextlib.suppress(sqlite3.Error, OSError):
            if self.fault() is not None or not self.ours:
                self.remove()
            if not self.path.exists():
                self._create()
            with self._connected("rw") as database, database:
                database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", lines)
                database.executemany("UPDATE rows SET day = ? WHERE key = ?", [(today, key) for key in old])
                (many,) = database.execute("SELECT COUNT(*) FROM rows").fetchone()
                database.execute(
                    "DELETE FROM rows WHERE key IN (SELECT key FROM rows ORDER BY day, key LIMIT ?)",
                    (max(0, many - LIMIT),),
                )

    def all(self) -> Iterator[Named | None]:
        """The calls of every row, None for one whose hash is not of them; raises sqlite3.Error.

        None at all where the file was written elsewhere.
        """
        if not os.path.lexists(self.path):
            return
        with self._connected("ro") as database:
            if not self._wrote(database):
                return
            select = "SELECT key, substr(calls, 1, ?), substr(hash, 1, 64) FROM rows"
            for key, calls, hashed in database.execute(select, (LONGEST,)):
                yield self._read(key, calls, hashed)

    @property
    def ours(self) -> bool:
        """Whether the file was written with this project's secret, or there is none."""
        if not os.path.lexists(self.path):
            return True
        with contextlib.suppress(sqlite3.Error, OSError), self._connected("ro") as database:
            return self._wrote(database)
        return False

    def _wrote(self, database: sqlite3.Connection) -> bool:
        return self._secret is not None and database.execute("PRAGMA application_id").fetchone() == (self._mark,)

    def fault(self) -> str | None:
        """What is wrong with the file as a whole; None where all is well, and where there is none.

        Raises sqlite3.Error where another process keeps it locked: that is no fault.
        """
        try:
            if not os.path.lexists(self.path):
                return None
            for path in self._files:
                with contextlib.suppress(FileNotFoundError):
                    if not stat.S_ISREG(os.lstat(path).st_mode):
                        return f"{path.name} is no plain file"
            if mode := stat.S_IMODE(os.lstat(self.path).st_mode) & 0o077:
                return f"others may read or write it ({mode:03o})"
            with self._connected("ro") as database:
                if database.execute("PRAGMA user_version").fetchone() != (FORMAT,):
                    return "it is of another version"
                if database.execute("SELECT type, sql FROM sqlite_master").fetchall() != [("table", TABLE)]:
                    return "its tables are others"
        except (sqlite3.Error, OSError) as error:
            if is_lock(error):
                raise
            return str(error)
        return None

    def remove(self) -> None:
        """Take the file away, be it a link or anything but a folder; raises OSError."""
        for path in self._files:
            path.unlink(missing_ok=True)

    @property
    def _files(self) -> list[Path]:
        return [self.path, *(self.path.with_name(f"{self.path.name}-{kind}") for kind in ("journal", "wal", "shm"))]

    def _create(self) -> None:
        made, name = tempfile.mkstemp(prefix=".rows-", dir=self.folder)  # 0600
        os.close(made)
        new = Path(name)
        try:
            with contextlib.closing(sqlite3.connect(new)) as database:
                database.execute(TABLE)
                database.execute(f"PRAGMA user_version = {FORMAT}")
                database.execute(f"PRAGMA application_id = {self._mark}")
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)

    @property
    def _mark(self) -> int:
        """Which secret the file was written with, in 31 bits that say nothing of it."""
        return int(self._hash("", "")[:8], 16) >> 1

    def _hash(self, key: str, calls: str) -> str:
        assert self._secret is not None
        return hmac.new(self._secret, f"{key} {calls}".encode(), hashlib.sha256).hexdigest()

    def _read(self, key: object, calls: object, hashed: object) -> Named | None:
        if not (isinstance(key, str) and isinstance(calls, str) and isinstance(hashed, str)):
            return None
        if not hmac.compare_digest(self._hash(key, calls).encode(), hashed.encode()):
            return None
        return _named(calls)

    @contextlib.contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as database:
            database.execute("PRAGMA trusted_schema = 0")
            yield database


def _today() -> int:
    return int(time.time()) // _SECONDS


def _secret() -> bytes | None:
    """The secret of this project's caches, made where there is none; None where none can be had."""
    for _ in range(2):
        with contextlib.suppress(OSError), open_plain(SECRET) as file:
            mode, held = os.fstat(file.fileno()).st_mode, file.read(33)
            return held if not mode & 0o077 and len(held) == 32 else None
        with contextlib.suppress(OSError):
            SECRET.parent.mkdir(parents=True, exist_ok=True)
            keep_out_of_git()
            made, name = tempfile.mkstemp(prefix=".rows-", dir=SECRET.parent)  # 0600
            try:
                os.write(made, secrets.token_bytes(32))
                os.link(name, SECRET)  # where another process was first, its secret stays
            finally:
                os.close(made)
                os.unlink(name)
    return None


def _named(calls: str) -> Named | None:
    try:
        named = json.loads(calls)
    except (ValueError, RecursionError):
        return None
    if not isinstance(named, list) or not all(
        isinstance(each, list) and len(each) == 2 and _is_part(each[0]) and is_key(each[1]) for each in named
    ):
        return None
    return tuple((part, key) for part, key in named)


def _is_part(value: object) -> bool:
    return isinstance(value, str) and _PART.fullmatch(value) is not None
