"""Files that hold a data set: CSV in the ways that spreadsheets write it, JSON lines, parquet.

Gives each row's cells by column with the place where they stand, one row at a time, and refuses a file whose form
cannot be read. What a cell may hold is :mod:`papillon.columns`' matter, which rows make a data set
:mod:`papillon.data`'s.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

from papillon.bounds import LONGEST_LINE, MOST_ROWS, MOST_TEXT
from papillon.columns import COLUMNS, REQUIRED, check_columns, recognised
from papillon.errors import DataError
from papillon.files import open_file

__all__ = ["Record", "cause", "numbered", "read_lines", "read_records"]

#: Where a row stands, for messages ("row 3, line 17"), and what it holds, by column.
Record = tuple[str, dict[str, object]]

#: What may stand between the fields of a CSV, and its name in messages.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

#: Rows of a parquet file that are in memory at once.
PARQUET_ROWS = 16

#: A first line by which a spreadsheet says what separates the fields.
_NAMED_SEPARATOR = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)


def read_records(path: Path, required: Sequence[str] = REQUIRED) -> Iterable[Record]:
    """The file's rows by its suffix; imports only what that kind of file needs. It must have the columns ``required``.

    Raises DataError, also while rows are taken, for what cannot be read, with file, row (from 1, blank lines not
    counted) and line.
    """
    readers: dict[str, Callable[[Path, Sequence[str]], Iterable[Record]]] = {
        ".csv": _csv_records,
        ".jsonl": _jsonl_records,
        ".parquet": _parquet_records,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"Expected a .csv, .jsonl or .parquet file, got {path}; convert it or rename it.")
    return _bounded(reader(path, required), path)


def _bounded(records: Iterable[Record], path: Path) -> Iterator[Record]:
    """The records, as long as they are not too many and do not hold too much."""
    size = 0
    for number, (place, record) in enumerate(records, 1):
        size += sum(len(cell) for cell in record.values() if isinstance(cell, str | list))
        if number > MOST_ROWS or size > MOST_TEXT:
            most = f"{MOST_ROWS} rows" if number > MOST_ROWS else f"{MOST_TEXT} characters"
            raise DataError(f"Expected at most {most} in {path}, got more by {place}; give a part of it.")
        yield place, record


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a file of plain text, line ends included; raises DataError, naming the line, for what is none."""
    return _lines(path, "\n")


def numbered(rows: Iterable[dict[str, object]]) -> list[Record]:
    """Rows without lines, each with its number as its place."""
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]


def cause(error: Exception) -> str:
    """An error's class and first line, for the brackets of a message."""
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first.rstrip('.')}" if first else type(error).__name__


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"Expected a readable file at {path}, got an error ({error.strerror or error}); "
        "check its path and its permissions."
    )


def _readable(path: Path) -> BufferedReader:
    try:
        return open_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _encoding(path: Path) -> tuple[str, str]:
    """The encoding by the file's first bytes, and what to do about bytes that are none of it."""
    with open_file(path) as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            # Halves of characters are passed on, to be refused by row and column.
            return "utf-16", "surrogatepass"
    return "utf-8-sig", "strict"


def _lines(path: Path, newline: str) -> Iterator[str]:
    """The file's lines, one at a time: a data set of a hundred megabytes is never held twice."""
    try:
        encoding, errors = _encoding(path)
        with io.TextIOWrapper(open_file(path), encoding, errors, newline) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), 1):
                if len(line) > LONGEST_LINE:
                    raise DataError(
                        f"Expected lines of at most {LONGEST_LINE} characters in {path}, got a longer one, line "
                        f"{number}; take it out."
                    )
                if "\0" in line:
                    raise DataError(
                        f"Expected UTF-8 text in {path}, got a NUL byte in line {number}; save it anew as UTF-8."
                    )
                yield line
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError(_misread(path, encoding, errors, error)) from error


def _misread(path: Path, encoding: str, errors: str, error: UnicodeDecodeError) -> str:
    try:
        path.read_bytes().decode(encoding, errors)
    except UnicodeDecodeError as whole:
        error = whole  # the decoder of a stream knows its place in a block alone
    line = error.object[: error.start].decode(encoding, errors).count("\n") + 1
    name = "UTF-16" if encoding == "utf-16" else "UTF-8"
    return (
        f"Expected {name} text in {path}, got the byte 0x{error.object[error.start]:02x} in line {line}; "
        "save it as UTF-8."
    )


def _csv_records(path: Path, required: Sequence[str]) -> Iterator[Record]:
    separator, above = _separator(path, required)
    separators = SEPARATORS.get(separator, f"the separator {separator!r}")
    number, place = 0, "the header"
    limit = csv.field_size_limit()
    csv.field_size_limit(LONGEST_LINE)  # the default of 131,072 characters may be less than a query
    try:
        lines = _csv_rows(path, separator, above)
        columns: list[str] = next(filter(None, lines), [])
        where = str(path) if separator == "," else f"{path}, read with {separators} between fields"
        check_columns(columns, where, required=required)
        place = f"row 1, line {lines.line_num + above + 1}"
        for values in lines:
            if values and len(values) != len(columns):
                raise DataError(
                    f"Expected {len(columns)} fields in {path}, {place}, got {len(values)}; "
                    f"check the quotes and {separators} there."
                )
            if values:  # a blank line is no row, for csv.DictReader and pandas as well
                number += 1
                yield place, dict(zip(columns, values, strict=True))
            place = f"row {number + 1}, line {lines.line_num + above + 1}"
    except csv.Error as error:
        raise DataError(
            f"Expected CSV in {path}, {place}, got an error ({error}); check the quotes and {separators} there."
        ) from error
    finally:
        csv.field_size_limit(limit)


def _separator(path: Path, required: Sequence[str]) -> tuple[str, int]:
    """What separates the fields, and how many lines stand above the header.

    It is what the first line names, or a usual one, under which the header has the columns; else most of them.
    """
    named = _NAMED_SEPARATOR.fullmatch(next(_lines(path, ""), ""))
    above = 1 if named else 0
    found: dict[str, int] = {}
    for separator in dict.fromkeys([*([named[1]] if named else []), *SEPARATORS]):
        try:
            columns: list[str] = next(filter(None, _csv_rows(path, separator, above)), [])
        except csv.Error:
            continue  # quotes that make no sense with this one
        if set(required) <= set(columns):
            return separator, above
        found[separator] = recognised(columns)
    return max(found, key=found.__getitem__, default=","), above


def _csv_rows(path: Path, separator: str, above: int) -> Any:
    # newline="" hands line ends inside quotes on as they are written.
    return csv.reader(islice(_lines(path, ""), above, None), delimiter=separator, strict=True)


def _jsonl_records(path: Path, required: Sequence[str]) -> Iterator[Record]:
    number = 0
    # Lines end at \n alone: U+2028 and its like may stand inside a JSON string.
    for line, text in enumerate(_lines(path, "\n"), 1):
        if not text.strip():
            continue
        number += 1
        place = f"row {number}, line {line}"
        try:
            record = json.loads(text.rstrip("\n"))
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"Expected one JSON object in {path}, {place}, got text that is not JSON ({cause(error)}); correct it."
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"Expected one JSON object in {path}, {place}, got {type(record).__name__}; correct it.")
        yield place, record


def _parquet_records(path: Path, required: Sequence[str]) -> Iterator[Record]:
    import pyarrow
    import pyarrow.parquet
    from pyarrow import types

    try:
        with _readable(path) as file, pyarrow.parquet.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            check_columns(list(schema.names), str(path), required=required)
        columns = [column for column in COLUMNS if column in schema.names]
        texts = [each for each in columns if types.is_string(schema.field(each).type)]
        # A text that many rows share stands in the file once, and so it does in memory until its row is read.
        with _readable(path) as file, pyarrow.parquet.ParquetFile(file, read_dictionary=texts) as parquet:
            number = 0
            for batch in parquet.iter_batches(PARQUET_ROWS, columns=columns):
                for row in range(batch.num_rows):
                    number += 1
                    place = f"row {number}"
                    yield place, {name: _cell(batch.column(name)[row], path, place, name) for name in columns}
    except (OSError, ValueError, OverflowError, pyarrow.ArrowException) as error:  # ValueError: text that is no UTF-8
        raise DataError(f"Expected a parquet file at {path}, got an error ({cause(error)}); write it anew.") from error


def _cell(scalar: Any, path: Path, place: str, column: str) -> object:
    """What a cell of a parquet file holds; what is too long is never copied."""
    import pyarrow

    if isinstance(scalar, pyarrow.DictionaryScalar):
        scalar = scalar.value
    size = 0
    if isinstance(scalar, pyarrow.BinaryScalar):  # texts are such too
        size = 0 if scalar.as_buffer() is None else scalar.as_buffer().size
    elif isinstance(scalar, pyarrow.ListScalar) and scalar.values is not None:
        size = max(len(scalar.values), scalar.values.nbytes)
    if size > 4 * LONGEST_LINE:
        raise DataError(
            f"Expected at most {LONGEST_LINE} characters in {path}, {place}, column {column}, got more; shorten it."
        )
    return scalar.as_py()
