"""Store: recorded calls in a cache folder, each written once and read ever after.

It keeps what it acknowledged through any death of the process, tells damage from a miss, and makes sure
before a miss is reported that a new record could be kept. Who may make a call (locks), what a call is
(records) and how records travel (transfer) are left to others.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import diskcache

from papillon.errors import StoreError
from papillon.store.database import (
    DATABASE,
    connection,
    create,
    faults,
    identity,
    lost,
    open_reader,
    open_writer,
    require_plain,
)
from papillon.store.disk import RecordDisk
from papillon.store.failures import FAILURES, failure, repair_hint, translated
from papillon.store.journal import inspected
from papillon.store.patience import PATIENCE, patiently
from papillon.store.records import Record

__all__ = ["Store"]

T = TypeVar("T")

#: Records to a transaction, where many are put at once, and the length of their texts after which it has no more.
BATCH, LONGEST_BATCH = 500, 2**24


class Store:
    """The records of one cache folder, for any number of threads and processes at a time.

    A folder that is not there is made, private (0700), unless ``read_only``: then nothing is ever made or
    changed, and a folder or database that is missing is an empty store. Every method raises StoreError where
    the folder is damaged, full, of another format or cannot be written, and Locked where another process keeps it
    locked for longer than ``patience`` says, in seconds; all but :meth:`find` sleep meanwhile, so they are none for an
    event loop. Open it anew after a fork.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self.patience: Callable[[], float] = lambda: PATIENCE
        # Apart, so that a reader need not wait for one who writes, or waits to.
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._disk = RecordDisk(str(folder))
        self._writer: diskcache.Cache | None = None
        self._ready = self._closed = False
        if not read_only:
            create(self.folder)
        with contextlib.ExitStack() as opening, translated(self.folder):
            require_plain(self.folder)
            fault = opening.enter_context(inspected(self.folder / DATABASE))
            if fault is not None and not lost(self.folder):
                raise StoreError(f"The cache {self.folder} is damaged ({fault}): {repair_hint(self.folder)}.")
            self._reader = patiently(self.folder, lambda: open_reader(self.folder))
            self._opened = opening.pop_all()
        self._identity = identity(self.folder)

    def get(self, key: str) -> Record | None:
        """The record of a call's key, verified; None where there is none.

        A record whose checksum fails is a StoreError, never a miss. Before the first None the whole database
        is checked, and unless ``read_only`` made ready to be written: what could not be found because of
        damage, or not be kept, is not paid for.
        """
        record = self._patiently(lambda: self.find(key))
        if record is None:
            self.make_ready()
        return record

    def find(self, key: str) -> Record | None:
        """The record of a call's key as :meth:`get` gives it, with nothing checked before the first None.

        It never waits for another process: raises Locked where that keeps everybody out.
        """
        key, _ = self._disk.put(key)
        rows = self._query_once("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", key)
        if not rows:
            return None
        try:
            return self._disk.record(key, *rows[0])
        except StoreError as error:
            raise StoreError(
                f"The record {key[:12]} of the cache {self.folder} is damaged ({error}): {repair_hint(self.folder)}."
            ) from error

    def put(self, record: Record, *, replace: bool = False) -> bool:
        """Keeps ``record``, for good when this returns; True where it was written.

        A key that is there keeps its record and the answer is False, unless ``replace``.
        """
        with self._writing:
            writer = self._require_writer()
            keep = writer.set if replace else writer.add
            written = self._patiently(lambda: bool(keep(record.key, record)))
            self.require_in_place()  # else it went into a database that is no longer the cache's
            return written

    def put_all(self, records: Iterable[Record], *, replace: bool = False) -> int:
        """Keeps every record whose key is not there yet, or with ``replace`` all; how many were written.

        Many go into one transaction: where it fails, none of them is kept.
        """
        written, rest = 0, iter(records)
        with self._writing:
            writer = self._require_writer()
            keep = writer.set if replace else writer.add

            def kept(batch: list[Record]) -> int:
                with writer.transact():
                    return sum(bool(keep(record.key, record)) for record in batch)

            while batch := _batch(rest):
                written += self._patiently(partial(kept, batch))
            self.require_in_place()
        return written

    def __contains__(self, key: object) -> bool:
        """Whether there is a record of the key, not looking at whether it is damaged."""
        return bool(self._query("SELECT 1 FROM Cache WHERE key = ? AND raw = 1", key))

    def __len__(self) -> int:
        rows = self._query("SELECT COUNT(*) FROM Cache WHERE raw = 1")
        return int(rows[0][0]) if rows else 0

    def keys(self) -> Iterator[str]:
        """Every key there is, in order; what is written meanwhile may or may not be among them."""
        last = ""
        page = "SELECT key FROM Cache WHERE key > ? AND raw = 1 AND typeof(key) = 'text' ORDER BY key LIMIT 1000"
        while rows := self._query(page, last):
            for (key,) in rows:
                yield (last := self._disk.get(key, raw=True))

    def records(self, keys: Iterable[str] | None = None) -> Iterator[Record]:
        """The records of ``keys``, in their order, without those that are not there; all by default."""
        for key in self.keys() if keys is None else keys:
            record = self.get(key)
            if record is not None:
                yield record

    def sound(self, keys: Iterable[str]) -> dict[str, Record]:
        """The records of ``keys`` that are there and whole, each under the key of its own call, by key."""
        found, rest = {}, iter(keys)
        while batch := list(islice(rest, BATCH)):
            rows = self._query(
                "SELECT key, mode, filename, value FROM Cache "
                "WHERE raw = 1 AND key IN (SELECT value FROM json_each(?))",
                json.dumps(batch),
            )
            for key, *columns in rows:
                with contextlib.suppress(StoreError):
                    record = self._disk.record(self._disk.get(key, raw=True), *columns)
                    record.require_own_key()
                    found[record.key] = record
        return found

    def close(self) -> None:
        """Closes the database; nothing waits to be written."""
        with self._reading, translated(self.folder):
            if self._writer is not None:
                self._writer.close()  # the connection of this thread; those of others end with them
            if self._reader is not None:
                self._reader.close()
            self._reader = self._writer = None
            self._closed = True
            self._opened.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def make_ready(self) -> None:
        """Checks the database and opens it for writing, the first time; sees that it is still in place."""
        if self._reader is None:
            return
        with self._writing:
            if not self._ready:
                self._patiently(self._prepare)
                self._ready = True
        self.require_in_place()

    def require_in_place(self) -> None:
        """Raises StoreError where the database that was opened stands there no more."""
        with translated(self.folder):
            if identity(self.folder) != self._identity:
                raise StoreError(
                    f"The database of the cache {self.folder} was deleted, emptied or replaced while it was "
                    "in use: run again, and leave the folder alone meanwhile."
                )

    def _prepare(self) -> None:
        # A connection of its own: the check takes a while, and readers go on.
        with contextlib.closing(connection(self.folder)) as own:
            if found := faults(own):
                raise StoreError(f"The cache {self.folder} is damaged ({found[0]}): {repair_hint(self.folder)}.")
        if not self.read_only:
            self._writer = open_writer(self.folder)

    def _require_writer(self) -> diskcache.Cache:
        self.make_ready()
        if self._writer is None:
            raise StoreError(f"The cache {self.folder} is open for reading alone, or closed: open it for writing.")
        return self._writer

    def _query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._patiently(lambda: self._query_once(statement, *values))

    def _query_once(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._closed:
            raise StoreError(f"The cache {self.folder} was closed: open it again to use it.")
        try:  # on the way of every get: a context manager takes longer
            with self._reading:
                return self._reader.execute(statement, values).fetchall() if self._reader is not None else []
        except FAILURES as error:
            raise failure(self.folder, error) from error

    def _patiently(self, do: Callable[[], T]) -> T:
        return patiently(self.folder, do, lambda: self.patience())


def _batch(records: Iterator[Record]) -> list[Record]:
    """The next records for one transaction, few where they are long."""
    batch: list[Record] = []
    length = 0
    for record in records:
        batch.append(record)
        length += len(record.to_text())
        if len(batch) == BATCH or length > LONGEST_BATCH:
            break
    return batch
