"""RecordDisk: the only form in which diskcache may keep or read anything here, a record's text in a row.

The stock disk unpickles what it finds and follows the file names that it finds, also to delete. This one
knows neither pickle nor files: every other mode, every file name and every key that is no call's key is
refused with a StoreError that says what was found. Who opens the database is left to others.
"""

from __future__ import annotations

from typing import Any, NoReturn

import diskcache

from papillon.bounds import LONGEST_RECORD
from papillon.errors import StoreError
from papillon.store.records import Record, is_key

__all__ = ["RAW", "RecordDisk"]

#: diskcache's mode of a value that stands in the database as it is.
RAW = 1


class RecordDisk(diskcache.Disk):  # type: ignore[misc]
    """diskcache's seam for keys and values: keys are calls' keys, values are Records, nothing is a file."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The database's form of a call's key: itself."""
        if not is_key(key):
            raise StoreError(f"a key is 64 hexadecimal digits, and {key!r:.80} is not")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The call's key that stands in the database as ``key`` and ``raw``."""
        if isinstance(key, bytes):
            key = key.decode(errors="replace")
        if not raw:
            raise StoreError("its key is pickled, which is never read")
        return self.put(key)[0]

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> tuple[int, int, None, str]:
        """The columns size, mode, file name and value of a Record under its own key."""
        if read or not isinstance(value, Record) or value.key != key:
            raise StoreError("a value is a Record under its own key, and this is not one")
        text = value.to_text()
        if len(text) * 4 > LONGEST_RECORD and len(text.encode()) > LONGEST_RECORD:
            raise StoreError(f"a record holds at most {LONGEST_RECORD} bytes, and this one holds more")
        return 0, RAW, None, text

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> Record:
        """The Record in a row's columns, its checksum verified; ``value`` is its text, as str or UTF-8."""
        if filename is not None:
            raise StoreError("it names a file, which is never opened")
        if read or mode != RAW:
            raise StoreError(f"its mode is {mode!r:.20}, which is never read")
        if isinstance(value, str):
            value = value.encode(errors="surrogatepass")
        if not isinstance(value, bytes):
            raise StoreError("its value is not text")
        return Record.from_text(value)

    def record(self, key: str, mode: Any, filename: Any, value: Any) -> Record:
        """The Record in the columns of the row of ``key``, verified to be that call's own."""
        record = self.fetch(mode, filename, value, read=False)
        if record.key != key:
            raise StoreError("it is the record of another call")
        return record

    def filename(self, key: Any = None, value: Any = None) -> NoReturn:
        """Refused: no value is kept in a file."""
        raise StoreError("no record is kept in a file")

    def remove(self, file_path: Any) -> NoReturn:
        """Refused: no file is ever removed."""
        raise StoreError("a row named a file, which was left alone")
