"""Pages: the records that stand in a database's pages, found without SQLite, whatever else of it is damaged or gone.

Each leaf of the one table that a cache has is read by itself, from the journal's frames, the newest first, and from the
file (https://www.sqlite.org/fileformat2.html#b_tree_pages). A record says by its checksum whether it is whole, so
nothing that a page says needs to be believed.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from papillon.errors import StoreError
from papillon.files import open_plain
from papillon.store.disk import RecordDisk
from papillon.store.journal import FRAME, HEADER, Journal
from papillon.store.records import Record

__all__ = ["Pages"]

#: The first byte of a leaf of a table.
LEAF = 0x0D
#: The columns of a row that make a record, among the table's twelve.
COLUMNS, KEY, RAW, MODE, FILENAME, VALUE = 12, 1, 2, 9, 10, 11
#: The bytes that a number takes, by its serial type.
NUMBERS = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)


class Pages:
    """The pages of ``database`` and of its journal; :meth:`close` lets go of the file.

    That drops SQLite's locks on it: it comes after every connection of this process is closed.
    """

    def __init__(self, database: Path) -> None:
        self._file = open_plain(database)
        head = self._file.read(18)
        size = int.from_bytes(head[16:18], "big")
        self._size = size if size >= 512 and size & (size - 1) == 0 else 4096
        self._many = -(-os.fstat(self._file.fileno()).st_size // self._size)
        self._disk = RecordDisk("")
        #: The page of each frame of the journal, and the frames of each page, in order.
        self._frames: list[int] = []
        self._places: dict[int, list[int]] = defaultdict(list)
        self._journal: IO[bytes] | None = None
        with contextlib.suppress(FileNotFoundError):
            self._journal = open_plain(journal := database.with_name(f"{database.name}-wal"))
            for place, frame in enumerate(Journal.frames(journal, self._size)):
                self._frames.append(frame.page)
                self._places[frame.page].append(place)

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._journal is not None:
            self._journal.close()

    def records(self) -> Iterator[Record]:
        """Every record that is whole, the newest of each key first; a key may come again."""
        for place in reversed(range(len(self._frames))):
            if self._frames[place] != 1:
                yield from self._of_leaf(self._frame(place), (None, place, -1))
        for number in range(2, self._many + 1):
            if (page := self._page(number, -1)) is not None:
                yield from self._of_leaf(page, (None, -1))

    def _frame(self, place: int) -> bytes:
        assert self._journal is not None
        at = HEADER.size + place * (FRAME.size + self._size) + FRAME.size
        return os.pread(self._journal.fileno(), self._size, at).ljust(self._size, b"\0")

    def _page(self, number: int, last: int | None) -> bytes | None:
        """The page as of frame ``last``, of the last frame where that is None, and of the file where it is -1."""
        for place in reversed(self._places.get(number, [])):
            if last is None or place <= last:
                return self._frame(place)
        if not 1 <= number <= self._many:
            return None
        page = os.pread(self._file.fileno(), self._size, (number - 1) * self._size)
        return page.ljust(self._size, b"\0")  # of a file that was cut the rest of the last page is gone

    def _of_leaf(self, page: bytes, ages: tuple[int | None, ...]) -> Iterator[Record]:
        if (page[0] ^ LEAF).bit_count() > 1:  # one bit of it may have flipped
            return
        for cell in range(min(int.from_bytes(page[3:5], "big"), (self._size - 8) // 2)):
            place = int.from_bytes(page[8 + 2 * cell : 10 + 2 * cell], "big")
            for last in ages:
                with contextlib.suppress(StoreError, ValueError, IndexError, struct.error):
                    yield self._record(self._payload(page, place, last))
                    break

    def _payload(self, page: bytes, place: int, last: int | None) -> bytes:
        """A cell's payload, whose end may stand in pages of its own; raises ValueError where one is gone."""
        length, place = _varint(page, place)
        _, place = _varint(page, place)
        most, least = self._size - 35, (self._size - 12) * 32 // 255 - 23
        if length <= most:
            return page[place : place + length]
        if length > self._size * (self._many + len(self._frames)):
            raise ValueError("longer than the file")
        local = least + (length - least) % (self._size - 4)
        local = local if local <= most else least
        parts, left = [page[place : place + local]], length - local
        following = page[place + local : place + local + 4]
        while left > 0:
            more = self._page(int.from_bytes(following, "big"), last)
            if more is None:
                raise ValueError("a page is gone")
            following, part = more[:4], more[4 : 4 + left]
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _record(self, payload: bytes) -> Record:
        """The record of a row's payload; raises StoreError, ValueError or IndexError where there is no whole one."""
        end, place = _varint(payload, 0)
        values: list[Any] = []
        at = end
        while place < end and len(values) < COLUMNS:
            kind, place = _varint(payload, place)
            length = NUMBERS[kind] if kind < 10 else (kind - 12) // 2
            raw = payload[at : at + length]
            number = kind - 8 if kind in (8, 9) else int.from_bytes(raw, "big", signed=True)
            values.append(None if kind == 0 else number if kind < 10 else raw)
            at += length
        key = self._disk.get(values[KEY], values[RAW])
        record = self._disk.record(key, values[MODE], values[FILENAME], values[VALUE])
        record.require_own_key()
        return record


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of SQLite's variable length, and the place behind it; raises IndexError."""
    value = 0
    for byte in range(9):
        if byte == 8:
            return value << 8 | data[place + 8], place + 9
        value = value << 7 | data[place + byte] & 0x7F
        if data[place + byte] < 0x80:
            return value, place + byte + 1
    raise AssertionError("a byte ends it")
