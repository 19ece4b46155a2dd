"""The columns of a data set: their names, the check of a header, and the text that a cell stands for.

Where cells come from is :mod:`papillon.data_files`' matter, what a row is :mod:`papillon.data`'s.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

from papillon.errors import DataError
from papillon.spelling import nearest

__all__ = [
    "COLUMNS",
    "FILLED",
    "NO_TARGETS",
    "REQUIRED",
    "TARGET",
    "check_columns",
    "recognised",
    "text_of",
    "units_of",
]

#: PUPA's columns, in the order of its files.
COLUMNS = (
    "conversation_hash",
    "predicted_category",
    "user_query",
    "target_response",
    "pii_units",
    "redacted_query",
)
#: Columns that a file must have, and of these the ones that a row must fill; TARGET only where answers are held
#: against it.
TARGET = "target_response"
REQUIRED = ("user_query", TARGET, "pii_units")
FILLED = ("user_query", TARGET)

#: What a profile says for data without targets.
NO_TARGETS = "targets = false in the profile"

#: How a list of texts looks in most languages.
_QUOTED_LIST = re.compile(r"""\[\s*["'].*\]""", re.DOTALL)


def check_columns(
    columns: Sequence[str], where: str, *, header: bool = True, required: Sequence[str] = REQUIRED
) -> None:
    """DataError where one of ``required`` is missing, or one of COLUMNS is there twice or in another spelling.

    ``header`` says whether they are all rows' columns or one row's. The sentence shows ``columns`` only where some
    are known: a file without a header has a row's texts in their place.
    """
    missing = [column for column in required if column not in columns]
    missing = missing if header else missing[:1]
    if missing:
        near = {column: name for column in missing if (name := _nearest(column, columns)) is not None}
        mend = [f"rename {name!r} to {column}" for column, name in near.items()]
        if others := [column for column in missing if column not in near]:
            mend.append(f"add {', '.join(others)}" if header else "add it")
        named = f"columns {', '.join(required)}" if header else f"column {missing[0]}"
        without = "" if missing != [TARGET] else f", or evaluate without targets ({NO_TARGETS})"
        raise DataError(f"Expected the {named} in {where}, got {_shown(columns)}; {' and '.join(mend)}{without}.")
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    if twice:
        raise DataError(f"Expected each column once in {where}, got {', '.join(twice)} twice; rename one.")
    for column in COLUMNS:
        # Left as it is, a column that is nearly one of these would be read as if it were not there.
        if column not in columns and (name := _respelt(column, columns)) is not None:
            raise DataError(f"Expected the column {column} in {where}, got {name!r}; rename it to {column}.")


def recognised(columns: Sequence[str]) -> int:
    """How many of COLUMNS are there, under their own name or one near it."""
    return sum(_nearest(column, columns) is not None for column in COLUMNS)


def text_of(value: object) -> str:
    """The text of a cell, ``""`` for null and NaN; ValueError with what came, and what to do, for what is no text."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("got a NUL character; remove it")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"got half of a character (the surrogate U+{ord(value[error.start]):04X}) "
                f"as its character {error.start + 1}; remove it, or write both halves"
            ) from None
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a column of numeric hashes is text in a CSV and numbers in a parquet
    raise ValueError(f"got {type(value).__name__}; write it as text")


def units_of(value: object) -> str:
    """The text of a cell of ``pii_units``: as :func:`text_of`, and a list's entries joined with ``||``.

    A list is one, or JSON's text of one. Raises ValueError as :func:`text_of` does, also for a list with a null, or
    with an entry that would not be the same unit once it is joined.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _parsed(value)
    if not isinstance(value, list):
        return text_of(value)
    entries = []
    for number, entry in enumerate(value, 1):
        try:
            text = text_of(entry)
        except ValueError as error:
            raise ValueError(f"entry {number} of its list, {error}") from None
        if not text and entry != "":
            raise ValueError(f"entry {number} of its list, got null; remove it")
        entries.append(text)
    joined = "||".join(entries)
    if entries and joined.split("||") != entries:
        raise ValueError(
            "got a list with || in an entry, or | at its edge, and || is what joins units; "
            "make several entries of it, or take the bars out"
        )
    return joined


def _parsed(text: str) -> object:
    """The list that a text of JSON holds, else the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if _QUOTED_LIST.fullmatch(text.strip()):
            raise ValueError("got a list that is not JSON; write it as JSON, or its units joined with ||") from None
        return text  # a unit may stand in brackets
    return value if isinstance(value, list) else text


def _shown(columns: Sequence[str]) -> str:
    if columns and not recognised(columns):
        return f"{len(columns)} of other names" if len(columns) > 1 else "one of another name"
    return ", ".join(map(repr, columns)) or "none"


def _nearest(column: str, columns: Sequence[str]) -> str | None:
    """The name among ``columns`` that can only be meant as ``column``."""
    if column in columns:
        return column
    if (name := _respelt(column, columns)) is not None:
        return name
    # What is a column's own name is not another one's misspelling.
    others = [name for name in columns if name not in COLUMNS]
    return nearest(column, others, alike=0.8)


def _respelt(column: str, columns: Sequence[str]) -> str | None:
    return next((name for name in columns if _plain(name) == column), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
