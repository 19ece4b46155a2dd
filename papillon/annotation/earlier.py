"""Earlier: what an earlier go of the same command wrote, of which nothing that a person made is lost by the next one.

Targets that stand there stay. What could not stay is refused before anything is asked: the file can be moved away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from papillon.annotation.queries import Query
from papillon.annotation.result import cells, sidecar_of
from papillon.annotation.review import Review, Reviewed
from papillon.data import Dataset, load
from papillon.errors import UsageError
from papillon.json_files import read_json

__all__ = ["Earlier"]


@dataclass(frozen=True)
class Earlier:
    """The result in ``out`` as it was when the command began, ``data`` None where there was none, and the ``model``
    that wrote targets there, ``""`` for none."""

    out: Path
    data: Dataset | None
    model: str = ""

    @classmethod
    def of(cls, out: Path) -> Earlier:
        """What is there now; DataError where it can be read no more."""
        data = _loaded(out)
        return cls(out, data, "" if data is None else str(_sidecar(out).get("targets", {}).get("model") or ""))

    def refuse_losses(self, source: Path, reviewed_in: Path, review: Review) -> None:
        """Raise UsageError for rows of queries that ``review`` has not or that nobody decided about, and for rows that
        were changed by hand in more than their target."""
        if self.data is None:
            return
        known = {row.query.text: row for row in review.rows}
        self._refuse(
            sum(row.user_query not in known for row in self.data.rows), "are of others", f"of the queries in {source}"
        )
        touched = {text for text, row in known.items() if row.finished or row.decided}
        self._refuse(
            sum(row.user_query not in touched for row in self.data.rows),
            "are not",
            f"that are reviewed in {reviewed_in}",
        )
        # Whoever ended the last go may have reviewed more than is written; only an edit changes what was written.
        if _sidecar(self.out).get("sha256") == self.data.sha256:
            return
        written = {cells(row, "") for row in review.rows if row.finished}
        edited = [replace(row, target_response="") for row in self.data.rows if known[row.user_query].finished]
        changed = sum(astuple(row) not in written for row in edited)
        self._refuse(changed, "were changed by hand", "as they were reviewed, targets aside")

    def _refuse(self, lost: int, why: str, expected: str) -> None:
        if lost and self.data is not None:
            raise UsageError(
                f"--out: expected rows {expected}, got {self.out}, where {lost} of {len(self.data.rows)} {why} and "
                "would be gone; move it away, or name another (a review beside it is kept)."
            )

    def targets(self, rows: Sequence[Reviewed]) -> list[str]:
        """The target of each row: the one that stands in the result, else the source's, ``""`` for none.

        Raises UsageError where the result is another one by now.
        """
        now = _loaded(self.out)
        if (now and now.sha256) != (self.data and self.data.sha256):
            raise UsageError(
                f"Expected {self.out} as it was when this began, but it was changed meanwhile, and is left so; start "
                "the same command again: what was reviewed is kept."
            )
        # Queries of one text have their targets in their order.
        standing: dict[str, deque[str]] = {}
        for row in self.data.rows if self.data is not None else ():
            standing.setdefault(row.user_query, deque()).append(row.target_response)
        return [_target(row.query, standing.get(row.query.text)) for row in rows]


def _target(query: Query, standing: deque[str] | None) -> str:
    target = standing.popleft() if standing else ""
    return target if target.strip() else query.target


def _loaded(out: Path) -> Dataset | None:
    return load(out, targets=False) if out.exists() else None


def _sidecar(out: Path) -> dict[str, Any]:
    """How the result was made, empty where nobody says."""
    try:
        found = read_json(sidecar_of(out), links=False)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("targets", {}), dict) else {}
