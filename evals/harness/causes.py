"""Told: what cost several items their scores is said in full once, and then with a word on who was told."""

from __future__ import annotations

from collections.abc import Iterable

from papillon.results.rows import Row

__all__ = ["Told", "causes_of"]


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
