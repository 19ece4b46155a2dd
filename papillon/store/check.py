"""Checking a cache folder: which of its records are sound, which rows are damaged, and what else is wrong with it.

Damaged rows are written out as text, never unpickled, and the files that they name are never touched. Where SQLite
cannot read all, records are read from the database's pages. Nothing here makes a damaged record whole again: its call
will be made anew.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from papillon.errors import StoreError
from papillon.store.database import (
    DATABASE,
    REPAIRED,
    connection,
    faults,
    form_fault,
    identity,
    lost,
    require_format,
    require_plain,
)
from papillon.store.disk import RecordDisk
from papillon.store.failures import UNREADABLE, is_damage, translated
from papillon.store.finished import FINGERPRINT, FinishedRows
from papillon.store.journal import inspected, opened_elsewhere
from papillon.store.pages import Pages
from papillon.store.records import Record

__all__ = ["Damage", "Findings", "Opened", "Report", "check", "opened", "readable"]

COLUMNS = ("rowid", "key", "raw", "expire_time", "tag", "mode", "filename", "value")

#: The fewest bytes that a row and its index entries take in the database, which bounds the number of rows.
LEAST_ROW = 150

#: Seconds that a statement waits where another process keeps the database for itself, as one does that closes it.
BRIEFLY = 0.9

#: How many damaged rows a report names.
NAMED = 20

#: Pages of databases that this process has open elsewhere, whose locks it is to keep.
_kept: list[Pages] = []


@dataclass(frozen=True)
class Damage:
    """One row that is no sound record: its number in the database, its key as text, and what is wrong."""

    row: int
    key: str
    reason: str


@dataclass(frozen=True)
class Report:
    """What was found in ``folder``: sound records, damaged rows, and faults of the database as a whole.

    ``named`` are the first 20 of ``damaged`` rows; ``finished`` says what is wrong with the finished rows beside the
    records, which are derived from them; ``aside`` is the folder in which a repair left what it took out, None where
    nothing was.
    """

    folder: str
    sound: int
    damaged: int
    named: tuple[Damage, ...]
    faults: tuple[str, ...]
    finished: str | None = None
    aside: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.damaged and not self.faults and self.finished is None

    def __str__(self) -> str:
        lines = [f"{self.folder}: {self.sound} recorded calls are sound, {self.damaged} damaged"]
        lines += [f"  the database: {fault}" for fault in self.faults]
        lines += [f"  row {damage.row}, key {damage.key[:12]!a}: {damage.reason}" for damage in self.named]
        if self.damaged > len(self.named):
            lines.append(f"  and {self.damaged - len(self.named)} rows more")
        if self.finished is not None:
            lines.append(f"  rows.db: {self.finished}; its rows are made anew from the recorded calls")
        if self.aside:
            lines.append(f"  what was damaged was moved to {self.aside}; its calls will be made anew")
        return "\n".join(lines)


def check(folder: Path) -> Report:
    """Verifies every record of ``folder`` and the database around them, and changes nothing.

    Raises StoreError where the cache is of another version's format or cannot be read at all.
    """
    with translated(folder), opened(folder) as cache:
        findings = Findings()
        for _ in readable(folder, cache, findings):
            pass
        return replace(findings.report(folder, cache.faults), finished=_finished_fault(folder, findings.keys))


def _finished_fault(folder: Path, sound: set[bytes]) -> str | None:
    """What is wrong with the file of finished rows, of whose calls these are recorded and ``sound``."""
    rows = FinishedRows(folder)
    if (fault := rows.fault()) is not None:
        return fault
    lost = total = 0
    try:
        for named in rows.all():
            total += 1
            lost += named is None or not all(part == FINGERPRINT or bytes.fromhex(key) in sound for part, key in named)
    except UNREADABLE as error:
        return str(error)
    return f"{lost} of {total} rows name calls that are not theirs, not recorded or damaged" if lost else None


class Findings:
    """Sorts rows into sound records, by their ``keys``, and damage; writes damage out where it has a file for that."""

    def __init__(self, rows: IO[str] | None = None) -> None:
        self.rows = rows
        self.keys: set[bytes] = set()
        self.damaged = 0
        self.named: list[Damage] = []
        self.disk = RecordDisk("")

    def sound(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Record]:
        for row in rows:
            columns = dict(zip(COLUMNS, row, strict=True))
            try:
                record = self._verified(columns)
            except StoreError as error:
                self._set_aside(columns, str(error))
            else:
                self.keys.add(bytes.fromhex(record.key))
                yield record

    def others(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those sound records of which no row was found."""
        for record in records:
            if (key := bytes.fromhex(record.key)) not in self.keys:
                self.keys.add(key)
                yield record

    def report(self, folder: Path, found: Iterable[str]) -> Report:
        return Report(str(folder), len(self.keys), self.damaged, tuple(self.named), tuple(found))

    def _verified(self, columns: dict[str, Any]) -> Record:
        key = self.disk.get(columns["key"], columns["raw"])
        record = self.disk.record(key, columns["mode"], columns["filename"], columns["value"])
        record.require_own_key()
        return record

    def _set_aside(self, columns: dict[str, Any], reason: str) -> None:
        self.damaged += 1
        shown = {name: _shown(value) for name, value in columns.items()}
        if len(self.named) < NAMED:
            self.named.append(Damage(columns["rowid"], str(shown["key"]), reason))
        if self.rows is not None:
            self.rows.write(json.dumps({"reason": reason, **shown}) + "\n")


def _shown(value: Any) -> Any:
    """A column as JSON: bytes as text where they are UTF-8, else in base64."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


@dataclass(frozen=True)
class Opened:
    """A folder's database as far as it can be read: by SQLite, and where anything is wrong with it by its pages."""

    reader: sqlite3.Connection | None
    faults: Sequence[str]
    pages: Pages | None


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Opened]:
    """The folder's database, and what is wrong with it as a whole; nothing of it is changed."""
    place = folder / DATABASE
    # The pages are closed last: that drops SQLite's locks.
    with contextlib.ExitStack() as last, contextlib.ExitStack() as first:
        require_plain(folder)
        reader, found = _sqlite(folder, last.enter_context(inspected(place)))
        if reader is not None:
            first.enter_context(contextlib.closing(reader))
        pages = None
        if found:
            with contextlib.suppress(FileNotFoundError):
                pages = Pages(place)
                last.callback(*((_kept.append, pages) if opened_elsewhere(place) else (pages.close,)))
        yield Opened(reader, found, pages)


def _sqlite(folder: Path, fault: str | None) -> tuple[sqlite3.Connection | None, list[str]]:
    """A connection, None where SQLite can have none or would change what there is, and what is wrong."""
    if os.path.lexists(folder / REPAIRED):
        return None, ["a repair of it was not finished"]
    if identity(folder) is None:
        return None, ["it was emptied or deleted"] if lost(folder) else []
    if fault is not None:
        return None, [fault]
    try:
        reader = connection(folder, wait=BRIEFLY)
    except UNREADABLE as error:
        if not is_damage(error):
            raise
        return None, [str(error)]
    try:
        require_format(folder, reader)
        found = faults(reader)
        if not found and (fault := form_fault(reader)):
            found = [fault]
    except BaseException:
        reader.close()
        raise
    return reader, found


def readable(folder: Path, cache: Opened, findings: Findings) -> Iterator[Record]:
    """Every sound record, each key once; ``findings`` has the rest."""
    yield from findings.sound(_rows(folder, cache.reader))
    if cache.pages is not None:
        yield from findings.others(cache.pages.records())


def _rows(folder: Path, reader: sqlite3.Connection | None) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read, past what cannot; none of what is no table, such as a view that never ends."""
    if reader is None:
        return
    try:
        if reader.execute("SELECT type FROM sqlite_master WHERE name = 'Cache'").fetchall() != [(b"table",)]:
            return
    except UNREADABLE:
        return
    select = f"SELECT {', '.join(COLUMNS)} FROM Cache WHERE rowid"  # noqa: S608
    last = -1
    try:
        while page := reader.execute(f"{select} > ? ORDER BY rowid LIMIT 100", (last,)).fetchall():
            for row in page:
                if row[0] <= last:  # a damaged tree: going on by its order may never end
                    raise sqlite3.DatabaseError("rows out of order")
                yield row
                last = row[0]
    except UNREADABLE:
        for row in range(last + 1, os.path.getsize(folder / DATABASE) // LEAST_ROW):
            with contextlib.suppress(*UNREADABLE):
                yield from reader.execute(f"{select} = ?", (row,)).fetchall()
