"""Queries: what a user has before anyone annotated: queries alone, in a CSV, JSON lines, a parquet, or plain lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from papillon.columns import text_of, units_of
from papillon.data import pii_units
from papillon.data_files import read_lines, read_records
from papillon.errors import DataError

__all__ = ["QUERY", "Query", "read_queries"]

#: The column that a file must have.
QUERY = "user_query"


@dataclass(frozen=True)
class Query:
    """One query at its ``place`` in the file, from 0, and what else the file says of it, ``""`` where nothing."""

    place: int
    text: str = field(repr=False)
    conversation_hash: str = ""
    category: str = ""
    target: str = field(default="", repr=False)
    #: Units that the file names already.
    units: tuple[str, ...] = field(default=(), repr=False)

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the text's SHA-256: what tells it apart without quoting it."""
        return sha256(self.text.encode()).hexdigest()[:16]


def read_queries(path: Path) -> list[Query]:
    """The queries of a .csv, .jsonl or .parquet file with a column ``user_query``, or of a .txt file, one a line.

    Other columns of PUPA's are kept where they are there. Raises DataError, naming file, row and column, for what
    cannot be read, and for a file without a query.
    """
    if path.suffix.lower() == ".txt":
        found = [Query(at, line) for at, line in enumerate(each.strip() for each in read_lines(path) if each.strip())]
    else:
        found = [_query(at, record, f"{path}, {place}") for at, (place, record) in enumerate(_records(path))]
    if not found:
        raise DataError(f"Expected at least one query in {path}, found none; give a file that holds some.")
    return found


def _records(path: Path) -> list[tuple[str, dict[str, object]]]:
    if not path.exists():
        raise DataError(f"Expected a file of queries at {path}, and there is none; check its path.")
    return list(read_records(path, (QUERY,)))


def _query(at: int, record: dict[str, object], where: str) -> Query:
    def text(column: str) -> str:
        try:
            return (units_of if column == "pii_units" else text_of)(record.get(column))
        except ValueError as error:
            raise DataError(f"Expected text in {where}, column {column}, {error}.") from None

    query = text(QUERY)
    if not query.strip():
        raise DataError(f"Expected text in {where}, column {QUERY}, got none; fill it or drop the row.")
    conversation, category, target = map(text, ("conversation_hash", "predicted_category", "target_response"))
    return Query(at, query, conversation, category, target, pii_units(text("pii_units")))
