"""Journal: what SQLite's write-ahead log beside a database still holds, read frame by frame and without SQLite.

SQLite reads a journal up to its first bad frame and drops what stands behind it in silence. Here that is told before
SQLite opens the database: by the index beside the journal, which says how many frames were committed, or where that
is gone by commits behind a bad frame (https://www.sqlite.org/walformat.html). A process that is alive and writes
meanwhile changes no frame that was committed, until it begins the journal anew, which its salt tells.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from papillon.files import open_plain

__all__ = ["Frame", "Journal", "inspected", "journal_fault", "opened_elsewhere"]

#: The journal's header: magic number, version, size of a page, count of checkpoints, two salts, two checksums.
HEADER = struct.Struct(">8I")
#: A frame's header: the page's number, pages in the database after a commit (0 elsewhere), two salts, two checksums.
FRAME = struct.Struct(">6I")
#: The header's first value, by the order of bytes in the words that are summed.
ORDERS = {0x377F0682: "<", 0x377F0683: ">"}

#: The index's header, which stands there twice: its tenth to thirteenth values are, with those before, what is used.
INDEX = struct.Struct("=3I2BH2I8s8s2I")

#: How often a journal is read that is begun anew meanwhile.
TRIES = 5


@dataclass(frozen=True)
class Frame:
    """One page as it stands in a journal, ``content``; ``commits`` says whether a transaction ends with it.

    It is ``intact`` where all that the journal holds up to its end is; and not ``current`` where another salt says that
    it was left there from before the journal was begun anew.
    """

    page: int
    commits: bool
    current: bool
    intact: bool
    content: bytes


@dataclass(frozen=True)
class Journal:
    """A journal's ``salt``, None where it has no sound header, and how many frames are ``intact`` from the first on.

    ``dropped`` are the commits of the same salt that stand behind the first bad frame.
    """

    salt: bytes | None
    intact: int = 0
    dropped: int = 0

    @classmethod
    def read(cls, path: Path, most: int | None = None) -> Journal | None:
        """What the file holds; None where there is none, or nothing in it. Raises OSError.

        With ``most`` no more intact frames are sought, and none behind a bad one.
        """
        with suppress(FileNotFoundError), open_plain(path) as file:
            if not (header := file.read(HEADER.size)):
                return None
            intact = dropped = 0
            bad = False
            for frame in _frames(file, header):
                if most is not None and (intact == most or not frame.intact):
                    break
                if frame.intact and not bad:
                    intact += 1
                else:
                    dropped += bad and frame.commits and frame.current
                    bad = True
            return cls(_salt(header), intact, dropped)
        return None

    @staticmethod
    def frames(path: Path, size: int) -> Iterator[Frame]:
        """All frames of pages of ``size`` bytes in order, also behind a bad one or a bad header; raises OSError."""
        with open_plain(path) as file:
            yield from _frames(file, file.read(HEADER.size), size)


def _frames(file: IO[bytes], header: bytes, size: int | None = None) -> Iterator[Frame]:
    if len(header) < HEADER.size:
        return
    magic, _, said, *_ = HEADER.unpack(header)
    order, salt = ORDERS.get(magic, "<"), header[16:24]
    size = size or said
    if size not in range(512, 65537):
        return
    sums: tuple[int, int] | None = HEADER.unpack(header)[6:] if _salt(header) is not None else None
    while len(frame := file.read(FRAME.size + size)) == FRAME.size + size:
        page, pages, *_, first, second = FRAME.unpack_from(frame)
        current = frame[8:16] == salt
        if sums is not None:
            sums = _summed(frame[FRAME.size :], _summed(frame[:8], sums, order), order)
            if not current or sums != (first, second):
                sums = None
        yield Frame(page, pages > 0, current, sums is not None, frame[FRAME.size :])


def _salt(header: bytes) -> bytes | None:
    """The salt of a sound header; None of another."""
    if len(header) < HEADER.size or (order := ORDERS.get(HEADER.unpack(header)[0])) is None:
        return None
    return header[16:24] if _summed(header[:24], (0, 0), order) == HEADER.unpack(header)[6:] else None


def _summed(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """SQLite's checksum of a journal over ``data``, going on from ``sums``."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, other in zip(words, words, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


@dataclass(frozen=True)
class _Index:
    """What the index says of its journal: the salt, how many frames were committed, and are in the database too."""

    salt: bytes
    committed: int
    copied: int

    @classmethod
    def read(cls, path: Path) -> _Index | None:
        """What stands there; None where nothing does that could be believed."""
        with suppress(FileNotFoundError), open_plain(path) as file:
            found = file.read(2 * INDEX.size + 4)
            one, other = found[: INDEX.size], found[INDEX.size : 2 * INDEX.size]
            if len(found) < 2 * INDEX.size + 4 or one != other:
                return None
            *_, begun, _, _, committed, _, _, salt, first, second = INDEX.unpack(one)
            if begun and _summed(one[:-8], (0, 0), "=") == (first, second):
                return cls(salt, committed, struct.unpack("=I", found[-4:])[0])
        return None


def journal_fault(database: Path) -> str | None:
    """What is lost of the journal of ``database``; None where nothing is, or somebody writes faster than it is read.

    It closes descriptors of the journal's index, which drops SQLite's locks: for a process that has the database
    opened nowhere. Raises OSError.
    """
    journal, index = (database.with_name(f"{database.name}-{kind}") for kind in ("wal", "shm"))
    for _ in range(TRIES):
        said, salt = _Index.read(index), _salt_of(journal)
        found = Journal.read(journal, most=said.committed if said is not None and said.salt == salt else None)
        if (fault := _compared(said, found)) is None:
            return None
        again = _Index.read(index)
        if (said and said.salt) == (again and again.salt) and salt == (found and found.salt) == _salt_of(journal):
            return fault
    return None


def _salt_of(path: Path) -> bytes | None:
    with suppress(FileNotFoundError), open_plain(path) as file:
        return _salt(file.read(HEADER.size))
    return None


def _compared(said: _Index | None, found: Journal | None) -> str | None:
    if found is None:
        if said is None or said.committed <= said.copied:
            return None
        return f"its journal is gone, and {said.committed - said.copied} pages with it"
    if found.salt is None:
        return None if said is not None and not said.committed else "its journal has a damaged header"
    if said is not None and said.salt == found.salt:
        bad = found.intact < said.committed
        return f"{found.intact} of the {said.committed} pages of its journal are intact" if bad else None
    return f"{found.dropped} commits stand behind a damaged page of its journal" if found.dropped else None


#: How often this process has each database opened, by its real path.
_opened: Counter[str] = Counter()
_guard = threading.Lock()


@contextmanager
def inspected(database: Path) -> Iterator[str | None]:
    """Inside, the process may have ``database`` opened; it is given what is lost of its journal. Raises OSError.

    Where the process has it opened already, that was told, and the journal is left alone.
    """
    place = os.path.realpath(database)
    with _guard:
        fault = None if _opened[place] else journal_fault(database)
        _opened[place] += 1
    try:
        yield fault
    finally:
        with _guard:
            _opened[place] -= 1


def opened_elsewhere(database: Path) -> bool:
    """Inside :func:`inspected`, whether this process has ``database`` opened elsewhere too."""
    return _opened[os.path.realpath(database)] > 1
