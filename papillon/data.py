"""The rows a program is evaluated on: PUPA's, from the shipped set, the hub, a folder or a file.

Reads them, refuses what cannot be read with the place where it stands, and takes the data set's hash.
Leaves splits to :mod:`papillon.splits`, and counting what is odd about rows to :mod:`papillon.data_report`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from papillon.errors import DataError

if TYPE_CHECKING:
    import dspy

__all__ = ["COLUMNS", "NAMES", "Dataset", "PupaRow", "load", "pii_units", "to_dspy"]

#: The data sets that have a name; anything else is a path.
NAMES = ("mini", "pupa_new", "pupa_tnb")

MINI = Path(__file__).parents[1] / "fixtures" / "mini.csv"
HUB_NAME = "Columbia-NLP/PUPA"
HUB_REVISION = "9981b49b6ced0033988a224b6712895ebf119294"
#: The hub's files; a folder that PUPA_DIR names holds them under the same names.
PUPA_FILES = {"pupa_new": "PUPA_New.csv", "pupa_tnb": "PUPA_TNB.csv"}

#: Columns that a file must have, and of these the ones that a row must fill.
REQUIRED = ("user_query", "target_response", "pii_units")
FILLED = ("user_query", "target_response")

#: Where a row stands, for messages ("row 3, line 17"), and what it holds, by column.
_Record = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class PupaRow:
    """One row in PUPA's columns; a column that the file does not have, or a null in it, is ``""``.

    ``user_query`` and ``target_response`` hold more than white space; ``pii_units`` joins units with ``||``.
    """

    conversation_hash: str
    predicted_category: str
    user_query: str
    target_response: str
    pii_units: str
    redacted_query: str

    @property
    def units(self) -> tuple[str, ...]:
        """The row's PII units, see :func:`pii_units`."""
        return pii_units(self.pii_units)

    @property
    def digest(self) -> str:
        """SHA-256 of the row in its canonical form, 64 hexadecimal digits."""
        return hashlib.sha256(_canonical(self)).hexdigest()


COLUMNS = tuple(field.name for field in fields(PupaRow))


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in their file's order, at least one.

    ``name`` is the set's name, or the file's without its folder. ``sha256`` is taken over the rows in a
    canonical form, so that the hub's copy, a CSV, JSON lines and a parquet of the same rows agree.
    ``left_out`` names the rows of a named PUPA set without a query or target: (row number from 1, column).
    ``without_units`` counts the rows that are kept and have no PII unit.
    """

    name: str
    rows: tuple[PupaRow, ...]
    sha256: str
    left_out: tuple[tuple[int, str], ...]
    without_units: int


def pii_units(pii_str: str) -> tuple[str, ...]:
    """The distinct, stripped, non-empty entries of ``pii_str.split("||")``, in their order."""
    return tuple(dict.fromkeys(unit for entry in pii_str.split("||") if (unit := entry.strip())))


def to_dspy(row: PupaRow) -> dspy.Example:
    """The row as the tutorial's example: ``target_response``, ``user_query`` (its input) and ``pii_str``."""
    import dspy

    return dspy.Example(
        target_response=row.target_response, user_query=row.user_query, pii_str=row.pii_units
    ).with_inputs("user_query")


def load(name_or_path: str | Path, *, offline: bool = False) -> Dataset:
    """The data set of that name (one of NAMES), or in that .csv, .jsonl or .parquet file.

    The PUPA names come from the folder that the environment's ``PUPA_DIR`` names, else from the hub at a
    pinned revision: its local copy where there is one, else by ``datasets.load_dataset``; with ``offline``
    the local copy alone, and no socket is opened. A row of theirs without a query or target is left out.

    Raises DataError for a name or file that cannot be read, and for such a row elsewhere, naming file, row
    (from 1, blank lines not counted) and column.
    """
    name = str(name_or_path)
    if name in PUPA_FILES:
        return _pupa(name, offline)
    if name == "mini":
        return _dataset(name, MINI, _records(MINI), lenient=False)
    if not os.path.exists(name):
        raise DataError(
            f"Expected a data set's name ({', '.join(NAMES)}) or a path to a .csv, .jsonl or .parquet file, "
            f"got {name!r}, which is neither; check its spelling and the folder it counts from."
        )
    path = Path(name)
    return _dataset(path.name, path, _records(path), lenient=False)


def _pupa(name: str, offline: bool) -> Dataset:
    file = PUPA_FILES[name]
    path: Path | None
    if folder := os.environ.get("PUPA_DIR"):
        path = Path(folder) / file
        if not path.exists():
            raise DataError(
                f"Expected {file} for the data set {name} in the folder that PUPA_DIR names, {folder}, "
                "found none; put it there, or unset PUPA_DIR to load it from the hub."
            )
    else:
        path = _hub_copy(file)
    if path is not None:
        return _dataset(name, path, _records(path), lenient=True)
    if offline:
        _no_hub(name, "there is no local copy of it and this run may not fetch one; load it once online")
    return _dataset(name, f"{HUB_NAME}/{name}", _hub_records(name), lenient=True)


def _hub_copy(file: str) -> Path | None:
    """The hub's file at the pinned revision where this machine already has it; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(HUB_NAME, file, revision=HUB_REVISION, repo_type="dataset")
    return Path(found) if isinstance(found, str) else None


def _hub_records(name: str) -> list[_Record]:
    try:
        import datasets

        rows = datasets.load_dataset(HUB_NAME, name, split="train", revision=HUB_REVISION)
        local = [str(file["filename"]) for file in rows.cache_files]
        records = list(rows)
    except Exception as error:  # the hub's client raises its own errors, its HTTP library's and the system's
        _no_hub(name, f"it could not be fetched ({_cause(error)}); check the network", error)
    # Without network the client takes the latest copy it ever made, of whatever revision.
    if local and not any(HUB_REVISION in file for file in local):
        _no_hub(name, "the hub was not reached and the local copy is of another revision; check the network")
    return _numbered(records)


def _no_hub(name: str, why: str, error: Exception | None = None) -> NoReturn:
    raise DataError(
        f"Expected the data set {name} from the hub ({HUB_NAME} at {HUB_REVISION[:12]}), but {why}, "
        f"or set PUPA_DIR to a folder that holds {PUPA_FILES[name]}."
    ) from error


def _dataset(name: str, source: Path | str, records: Iterable[_Record], *, lenient: bool) -> Dataset:
    rows: list[PupaRow] = []
    left_out: list[tuple[int, str]] = []
    for number, (place, record) in enumerate(records, 1):
        row = PupaRow(*(_text(record, column, f"{source}, {place}") for column in COLUMNS))
        empty = next((column for column in FILLED if not getattr(row, column).strip()), None)
        if empty is None:
            rows.append(row)
        elif lenient:
            left_out.append((number, empty))
        else:
            raise DataError(f"Expected text in {source}, {place}, column {empty}, got none; fill it or drop the row.")
    if not rows:
        raise DataError(f"Expected at least one row in {source}, found none; give a file that holds some.")
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_canonical(row))
    return Dataset(name, tuple(rows), digest.hexdigest(), tuple(left_out), sum(not row.units for row in rows))


def _canonical(row: PupaRow) -> bytes:
    # JSON's escapes keep every text apart and encode whatever JSON lines may hold, lone surrogates too.
    return json.dumps([getattr(row, column) for column in COLUMNS], separators=(",", ":")).encode("ascii") + b"\n"


def _text(record: dict[str, object], column: str, where: str) -> str:
    if column in REQUIRED and column not in record:
        raise DataError(f"Expected the column {column} in {where}, got {_listed(record)}; add it.")
    value = record.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a column of numeric hashes is text in a CSV and numbers in a parquet
    if not isinstance(value, str):
        raise DataError(f"Expected text in {where}, column {column}, got {type(value).__name__}; write it as text.")
    if "\0" in value:
        raise DataError(f"Expected text in {where}, column {column}, got a NUL character; remove it.")
    return value


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(map(repr, columns)) or "none"


def _cause(error: Exception) -> str:
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first.rstrip('.')}" if first else type(error).__name__


def _records(path: Path) -> Iterable[_Record]:
    """The file's rows by its suffix, with the place of each; imports only what that kind of file needs."""
    readers: dict[str, Callable[[Path], Iterable[_Record]]] = {
        ".csv": _csv_records,
        ".jsonl": _jsonl_records,
        ".parquet": _parquet_records,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"Expected a .csv, .jsonl or .parquet file, got {path}; convert it or rename it.")
    return reader(path)


def _lines(path: Path, newline: str) -> Iterator[str]:
    """The file's lines, one at a time: a data set of a hundred megabytes is never held twice."""
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise DataError(
                        f"Expected UTF-8 text in {path}, got a NUL byte in line {number}; save it anew as UTF-8."
                    )
                yield line
    except OSError as error:
        raise DataError(
            f"Expected a readable file at {path}, got an error ({error.strerror or error}); "
            "check its path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        data, at = path.read_bytes(), error.start
        try:
            data.decode("utf-8-sig")
        except UnicodeDecodeError as whole:
            at = whole.start  # the decoder of a stream knows its place in a block alone
        count = data.count(b"\n", 0, at) + 1
        raise DataError(
            f"Expected UTF-8 text in {path}, got the byte 0x{data[at]:02x} in line {count}; save it as UTF-8."
        ) from error


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise DataError(
            f"Expected the columns {', '.join(REQUIRED)} in {path}, got {_listed(columns)}; add {', '.join(missing)}."
        )
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    if twice:
        raise DataError(f"Expected each column once in {path}, got {', '.join(twice)} twice; rename one.")


def _csv_records(path: Path) -> Iterator[_Record]:
    number, place = 0, "the header"
    limit = csv.field_size_limit()
    csv.field_size_limit(max(limit, _size(path)))  # the default of 131,072 characters may be less than a query
    try:
        # newline="" hands line ends inside quotes on as they are written.
        lines = csv.reader(_lines(path, ""), strict=True)
        columns = next(lines, [])
        _check_columns(path, columns)
        place = f"row 1, line {lines.line_num + 1}"
        for values in lines:
            if values and len(values) != len(columns):
                raise DataError(
                    f"Expected {len(columns)} fields in {path}, {place}, got {len(values)}; "
                    "check the quotes and commas there."
                )
            if values:  # a blank line is no row, for csv.DictReader and pandas as well
                number += 1
                yield place, dict(zip(columns, values, strict=True))
            place = f"row {number + 1}, line {lines.line_num + 1}"
    except csv.Error as error:
        raise DataError(
            f"Expected CSV in {path}, {place}, got an error ({error}); check the quotes and commas there."
        ) from error
    finally:
        csv.field_size_limit(limit)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it says why


def _jsonl_records(path: Path) -> Iterator[_Record]:
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
                f"Expected one JSON object in {path}, {place}, got text that is not JSON ({_cause(error)}); correct it."
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"Expected one JSON object in {path}, {place}, got {type(record).__name__}; correct it.")
        yield place, record


def _parquet_records(path: Path) -> list[_Record]:
    import pyarrow
    import pyarrow.parquet

    try:
        with path.open("rb") as file, pyarrow.parquet.ParquetFile(file) as parquet:
            columns = list(parquet.schema_arrow.names)
            _check_columns(path, columns)
            rows = parquet.read(columns=[column for column in COLUMNS if column in columns]).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"Expected a parquet file at {path}, got an error ({_cause(error)}); write it anew.") from error
    return _numbered(rows)


def _numbered(rows: Iterable[dict[str, object]]) -> list[_Record]:
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]
