"""Recorded calls as text: JSON lines that can be reviewed, compared and carried between machines.

An export is sorted by key and the same lines wherever it is written, packed where its name ends in ``.gz``; an import
checks every line before it keeps the first. Which records to export is left to others.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from papillon.bounds import LONGEST_RECORD, MOST_UNPACKED
from papillon.errors import DataError, StoreError
from papillon.files import open_file, whole_file
from papillon.store.records import Record
from papillon.store.store import Store

__all__ = ["Imported", "export_records", "export_used", "import_files", "import_records"]


@dataclass(frozen=True)
class Imported:
    """How many of a file's calls were new, how many were there already, and how many of those differed."""

    added: int
    present: int
    different: int

    def __str__(self) -> str:
        text = f"{self.added} recorded calls added, {self.present} were there already"
        if self.different:
            text += f", {self.different} of them with another answer: the one that was there stays"
        return text


def export_records(records: Iterable[Record], path: Path) -> int:
    """Writes ``records`` to ``path``, one JSON object a line, sorted by key, each key once; how many.

    They may come in any order, and memory holds one at a time. ``path``, private to its owner, is replaced
    when all is written, and left as it was where that fails, which is a StoreError. So is a packed file that would
    hold more than an import of it takes.
    """
    path = Path(path)
    places: dict[str, tuple[int, int]] = {}
    try:
        with (
            whole_file(path, private=True) as new,
            tempfile.TemporaryFile(dir=path.parent) as unsorted,
            new.open("wb") as file,
            _packing(file) if _packed(path) else nullcontext(file) as sorted_,
        ):
            for record in records:
                line = record.to_text().encode() + b"\n"
                places[record.key] = unsorted.tell(), unsorted.write(line)
            if _packed(path) and sum(length for _, length in places.values()) > MOST_UNPACKED:
                raise StoreError(
                    f"The recorded calls could not be exported to {path}: they take more than the {MOST_UNPACKED} "
                    "bytes that an import unpacks; name a file without .gz."
                )
            for _, (start, length) in sorted(places.items()):
                unsorted.seek(start)
                sorted_.write(unsorted.read(length))
    except OSError as error:
        raise StoreError(
            f"The recorded calls could not be exported to {path} ({error}): name a file in a folder that can "
            "be written and has room."
        ) from error
    return len(places)


def import_records(path: Path, store: Store) -> Imported:
    """Keeps the records of ``path`` in ``store``; where a key is there already, what is there stays.

    Raises DataError, naming file and line, where the file cannot be read, or a line is no record, was
    altered since it was recorded, or is longer than LONGEST_RECORD, or a packed file holds more than MOST_UNPACKED
    (:mod:`papillon.bounds`); nothing is imported then.
    """
    new: dict[str, str] = {}
    present = different = 0
    for record in _lines(path):
        known = new.get(record.key)
        if known is None and (there := store.get(record.key)) is not None:
            known = there.checksum
        if known is None:
            new[record.key] = record.checksum
        else:
            present += 1
            different += known != record.checksum
    return Imported(store.put_all(_lines(path)), present, different)


def export_used(cache: Path, keys: Iterable[str], path: Path) -> int:
    """Writes the records of ``keys`` in the folder ``cache`` to ``path``, as :func:`export_records` does; how many."""
    with Store(cache, read_only=True) as store:
        return export_records(store.records(sorted(keys)), path)


def import_files(paths: Sequence[Path], cache: Path) -> list[tuple[str, Imported]]:
    """Keeps the records of all ``paths`` in the folder ``cache``, as :func:`import_records` does; by their names."""
    if not paths:
        return []
    with Store(cache) as store:
        return [(path.name, import_records(path, store)) for path in paths]


#: Lines without a record that an import may have, where one exported has none.
MOST_BLANK = 1000


def _packed(path: Path) -> bool:
    return path.suffix == ".gz"


def _packing(file: IO[bytes]) -> IO[bytes]:
    """Packs what is written, without a name or a time of its own."""
    return cast(IO[bytes], gzip.GzipFile("", "wb", fileobj=file, mtime=0))


def _lines(path: Path) -> Iterator[Record]:
    try:
        with open_file(path) as packed, gzip.open(packed) if _packed(path) else nullcontext(packed) as file:
            number = size = blank = 0
            while line := file.readline(LONGEST_RECORD + 2):  # with its end
                number += 1
                size += len(line)
                if _packed(path) and size > MOST_UNPACKED:
                    raise DataError(f"{path} unpacks to more than {MOST_UNPACKED} bytes: import it in parts.")
                if line.strip():
                    yield _record(path, number, line)
                elif (blank := blank + 1) > MOST_BLANK:
                    raise DataError(f"{path} has more than {MOST_BLANK} blank lines: export it anew.")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"The recorded calls of {path} cannot be read ({error}): name an exported file.") from error


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        record = Record.from_text(line.rstrip(b"\r\n"))
        record.require_own_key()
    except StoreError as error:
        raise DataError(
            f"Line {number} of {path} is not a recorded call as it was exported ({error}): "
            "export it anew; nothing was imported."
        ) from error
    return record
