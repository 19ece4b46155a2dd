"""The rows a program is evaluated on: PUPA's, from the shipped set, the hub, a folder or a file.

Finds the data set, makes its rows, and takes its hash. Leaves the forms of files to :mod:`papillon.data_files`, what
a cell may hold to :mod:`papillon.columns`, splits to :mod:`papillon.splits`, and counting what is odd about rows to
:mod:`papillon.data_report`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from papillon.columns import COLUMNS, FILLED, NO_TARGETS, REQUIRED, TARGET, check_columns, text_of, units_of
from papillon.data_files import Record, cause, numbered, read_records
from papillon.errors import DataError
from papillon.project import FIXTURES

if TYPE_CHECKING:
    import dspy

__all__ = ["COLUMNS", "NAMES", "Dataset", "PupaRow", "load", "pii_units", "to_dspy"]

#: The data sets that have a name; anything else is a path.
NAMES = ("mini", "pupa_new", "pupa_tnb")

MINI = FIXTURES / "mini.csv"
HUB_NAME = "Columbia-NLP/PUPA"
HUB_REVISION = "9981b49b6ced0033988a224b6712895ebf119294"
#: The hub's files; a folder that PUPA_DIR names holds them under the same names.
PUPA_FILES = {"pupa_new": "PUPA_New.csv", "pupa_tnb": "PUPA_TNB.csv"}


@dataclass(frozen=True, slots=True)
class PupaRow:
    """One row in PUPA's columns (COLUMNS); a column that the file does not have, or a null in it, is ``""``.

    ``user_query`` holds more than white space, and so does ``target_response`` unless the data were loaded without
    targets; ``pii_units`` joins units with ``||``, also where the file holds them as a list.
    """

    conversation_hash: str
    predicted_category: str
    # What is private stands in no repr: a traceback may show the locals of every frame.
    user_query: str = field(repr=False)
    target_response: str = field(repr=False)
    pii_units: str = field(repr=False)
    redacted_query: str = field(repr=False)

    @property
    def units(self) -> tuple[str, ...]:
        """The row's PII units, see :func:`pii_units`."""
        return pii_units(self.pii_units)

    @property
    def digest(self) -> str:
        """SHA-256 of the row in its canonical form, 64 hexadecimal digits."""
        return hashlib.sha256(_canonical(self)).hexdigest()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in their file's order, at least one.

    ``name`` is the set's name, or the file's without its folder. ``sha256`` is taken over the rows in a
    canonical form, so that the hub's copy, a CSV, JSON lines and a parquet of the same rows agree.
    ``left_out`` names the rows of a named PUPA set without a query, or a target where one is asked for: (row number
    from 1, column). ``without_units`` counts the rows that are kept and have no PII unit.
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


def load(name_or_path: str | Path, *, offline: bool = False, targets: bool = True) -> Dataset:
    """The data set of that name (one of NAMES), or in that .csv, .jsonl or .parquet file.

    Every row must have a target, unless ``targets`` says that none is asked for.

    The PUPA names come from the folder that the environment's ``PUPA_DIR`` names, else from the hub at a
    pinned revision: its local copy where there is one, else by ``datasets.load_dataset``; with ``offline``
    the local copy alone, and no socket is opened. A row of theirs without a query or target is left out.

    Raises DataError for a name or file that cannot be read, and for such a row elsewhere, naming file, row
    (from 1, blank lines not counted) and column.
    """
    name = str(name_or_path)
    if name in PUPA_FILES:
        return _pupa(name, offline, targets)
    if name == "mini":
        return _dataset(name, MINI, read_records(MINI), lenient=False, targets=targets)
    if not os.path.exists(name):
        raise DataError(
            f"Expected a data set's name ({', '.join(NAMES)}) or a path to a .csv, .jsonl or .parquet file, "
            f"got {name!r}, which is neither; check its spelling and the folder it counts from."
        )
    path = Path(name)
    return _dataset(path.name, path, read_records(path, _required(targets)), lenient=False, targets=targets)


def _required(targets: bool) -> tuple[str, ...]:
    return tuple(column for column in REQUIRED if targets or column != TARGET)


def _pupa(name: str, offline: bool, targets: bool) -> Dataset:
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
        return _dataset(name, path, read_records(path), lenient=True, targets=targets)
    if offline:
        _no_hub(name, "there is no local copy of it and this run may not fetch one; load it once online")
    return _dataset(name, f"{HUB_NAME}/{name}", _hub_records(name), lenient=True, targets=targets)


def _hub_copy(file: str) -> Path | None:
    """The hub's file at the pinned revision where this machine already has it; asks no network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(HUB_NAME, file, revision=HUB_REVISION, repo_type="dataset")
    return Path(found) if isinstance(found, str) else None


def _hub_records(name: str) -> list[Record]:
    try:
        import datasets

        rows = datasets.load_dataset(HUB_NAME, name, split="train", revision=HUB_REVISION)
        local = [str(file["filename"]) for file in rows.cache_files]
        records = list(rows)
    except Exception as error:  # the hub's client raises its own errors, its HTTP library's and the system's
        _no_hub(name, f"it could not be fetched ({cause(error)}); check the network", error)
    # Without network the client takes the latest copy it ever made, of whatever revision.
    if local and not any(HUB_REVISION in file for file in local):
        _no_hub(name, "the hub was not reached and the local copy is of another revision; check the network")
    return numbered(records)


def _no_hub(name: str, why: str, error: Exception | None = None) -> NoReturn:
    raise DataError(
        f"Expected the data set {name} from the hub ({HUB_NAME} at {HUB_REVISION[:12]}), but {why}, "
        f"or set PUPA_DIR to a folder that holds {PUPA_FILES[name]}."
    ) from error


def _dataset(name: str, source: Path | str, records: Iterable[Record], *, lenient: bool, targets: bool) -> Dataset:
    rows: list[PupaRow] = []
    left_out: list[tuple[int, str]] = []
    checked: set[tuple[str, ...]] = set()
    for number, (place, record) in enumerate(records, 1):
        if (columns := tuple(record)) not in checked:  # each line of JSON names its own
            check_columns(columns, f"{source}, {place}", header=False, required=_required(targets))
            checked.add(columns)
        row = _row(record, source, place)
        filled = (column for column in FILLED if targets or column != TARGET)
        empty = next((column for column in filled if not getattr(row, column).strip()), None)
        if empty is None:
            rows.append(row)
        elif lenient:
            left_out.append((number, empty))
        else:
            without = f", or evaluate without targets ({NO_TARGETS})" if empty == TARGET else ""
            raise DataError(
                f"Expected text in {source}, {place}, column {empty}, got none; fill it or drop the row{without}."
            )
    if not rows:
        raise DataError(f"Expected at least one row in {source}, found none; give a file that holds some.")
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_canonical(row))
    return Dataset(name, tuple(rows), digest.hexdigest(), tuple(left_out), sum(not row.units for row in rows))


def _row(record: dict[str, object], source: Path | str, place: str) -> PupaRow:
    texts = []
    for column in COLUMNS:
        try:
            texts.append((units_of if column == "pii_units" else text_of)(record.get(column)))
        except ValueError as error:
            raise DataError(f"Expected text in {source}, {place}, column {column}, {error}.") from None
    return PupaRow(*texts)


def _canonical(row: PupaRow) -> bytes:
    # JSON's escapes keep every text apart.
    return json.dumps([getattr(row, column) for column in COLUMNS], separators=(",", ":")).encode("ascii") + b"\n"
