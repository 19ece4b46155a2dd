"""Review file: decisions as JSON lines, on disk before the next question, so that a kill loses none.

It may hold what a person wrote, so its owner alone may read it. What was decided together is one write; a last line
that a kill tore is left out.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from papillon.annotation.review import Decision
from papillon.errors import UsageError
from papillon.files import append_lines, open_plain
from papillon.reading import Unreadable, read

__all__ = ["ReviewFile"]


class ReviewFile:
    """The decisions on the queries whose result goes to ``out``, by a person of that name, ``""`` for nobody's."""

    def __init__(self, out: Path, by: str = "") -> None:
        self.path = out.with_name(f"{out.stem}.review.jsonl")
        self.by = by

    def decisions(self) -> list[Decision]:
        """All that were taken, in their order; none where there is no file.

        Raises UsageError, naming file and line, for a line that is no decision.
        """
        try:
            with open_plain(self.path) as file:
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(
                f"Expected the review of an earlier session in {self.path}, but it cannot be read ({error.strerror}); "
                "check its rights, or name another --out."
            ) from None
        # What stands behind the last line end was torn off.
        return [self._decision(line, number) for number, line in enumerate(lines[:-1], 1) if line.strip()]

    def add(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write decisions, with who took them and when, and give them back so; raises UsageError where that fails."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        named = [replace(decision, by=self.by, when=now) for decision in decisions]
        lines = b"".join(json.dumps(asdict(each)).encode() + b"\n" for each in named)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append_lines(self.path, lines)
        except OSError as error:
            raise UsageError(f"Expected to write {self.path}, but it cannot be written: {error.strerror}.") from error
        return named

    def _decision(self, line: bytes, number: int) -> Decision:
        try:
            found: Decision = read(Decision, json.loads(line))
            return found
        except (ValueError, RecursionError, Unreadable):
            raise UsageError(
                f"Expected a decision in line {number} of {self.path}, got something else; take that line out, "
                "or name another --out to begin anew."
            ) from None
