"""Causes: why rows have no score, told in full once and then by the item that was told; and how to go on after it."""

from __future__ import annotations

from collections.abc import Iterable

from papillon.profile import RecordMode
from papillon.results.rows import Row

__all__ = ["Told", "again", "again_replayed", "causes_of", "go_on"]


class Told:
    """Remembers which item was the first to be told each cause; ``before`` are causes told elsewhere, by where."""

    def __init__(self, before: dict[str, str] | None = None) -> None:
        self._first = dict(before or {})

    def once(self, text: str, causes: Iterable[str], item: str) -> str:
        """``text`` for ``item``, with those of its causes that another was told before put shortly.

        An item that asks again is told the same again.
        """
        for cause in causes:
            first = self._first.setdefault(cause, item)
            if first != item:
                text = text.replace(cause, f"the same cause as {first}")
        return text


def causes_of(rows: Iterable[Row]) -> list[str]:
    """What cost rows their scores, each once, as they come."""
    return list(dict.fromkeys(row.error for row in rows if row.status == "infrastructure_error" and row.error))


def again(record: RecordMode) -> str:
    """What to do after a run that was stopped, by its record mode, so that no call is paid for twice."""
    return "run with --eval-record new" if record == "all" else "run the same command again"


def again_replayed(record: RecordMode) -> str:
    """The same, with what becomes of the calls that were made."""
    return f"{again(record)}, what is recorded is replayed"


def go_on(record: RecordMode) -> str:
    """What to do after a run that lacks scores, by its record mode."""
    if record == "none":
        return "a strict replay makes no call: run with --eval-record new to go on"
    return f"{again(record)} to go on: what is recorded is replayed"
