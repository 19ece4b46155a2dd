"""Review file: decisions as JSON lines, on disk before the next question, so that a kill loses none.

It begins with who proposed the units, so that all of a review is about the same. It may hold what a person wrote, so
its owner alone may read it. What was decided together is one write; a last line that a kill tore is left out.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from papillon.annotation.review import Decision
from papillon.bounds import MOST_FILE
from papillon.errors import UsageError
from papillon.files import append_lines, held_alone, read_file
from papillon.reading import Unreadable, read

__all__ = ["Proposers", "ReviewFile"]


@dataclass(frozen=True)
class Proposers:
    """Who proposed units: which ``origins``, phone numbers of which ``regions``, and which ``model``, "" for none."""

    origins: tuple[str, ...]
    regions: tuple[str, ...]
    model: str = ""

    def __str__(self) -> str:
        model = f" (the model {self.model})" if self.model else ""
        regions = "".join(f" --region {region}" for region in self.regions)
        return f"--from {','.join(self.origins)}{model}{regions}"


class ReviewFile:
    """The decisions on the queries whose result goes to ``out``, by a person of that name, ``""`` for nobody's."""

    def __init__(self, out: Path, by: str = "") -> None:
        self.path = out.with_name(f"{out.stem}.review.jsonl")
        self.by = by
        #: What its first line is to be, and whether there is one that an addition must still find.
        self._head, self._there = b"", False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside, nobody else reviews for the same result; UsageError where somebody does."""
        with contextlib.ExitStack() as stack:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                stack.enter_context(held_alone(self.path.with_name(f".{self.path.stem}.lock")))
            except BlockingIOError:
                raise UsageError(
                    f"Expected nobody else to review in {self.path}, but somebody does at this moment; end that, or "
                    "name another --out."
                ) from None
            except OSError as error:
                raise self._unwritten(error) from error
            yield

    def decisions(self) -> list[Decision]:
        """All that were taken, in their order; none where there is no file.

        Raises UsageError, naming file and line, for a line that is no decision.
        """
        lines = self._lines()
        return [self._decision(*each) for each in (lines[1:] if self._begun(lines) else lines)]

    def begin(self, proposers: Proposers) -> None:
        """Note who proposes, with the first decision; UsageError where units that were reviewed here are others'."""
        lines = self._lines()
        self._there = bool(lines)
        if not lines:
            self._head = json.dumps({"proposers": asdict(proposers)}).encode() + b"\n"
        elif (before := self._begun(lines)) is not None and before != proposers:
            raise UsageError(
                f"Expected {before}, by which the units in {self.path} were proposed, got {proposers}; name the same, "
                "or another --out."
            )

    def _begun(self, lines: Sequence[tuple[bytes, int]]) -> Proposers | None:
        """What the first line says, None for one that an older version wrote."""
        if not lines or not lines[0][0].startswith(b'{"proposers"'):
            return None
        try:
            found: Proposers = read(Proposers, json.loads(lines[0][0])["proposers"])
            return found
        except (ValueError, RecursionError, Unreadable):
            raise self._strange(lines[0][1]) from None

    def _lines(self) -> list[tuple[bytes, int]]:
        """The lines that were ended, with their numbers."""
        try:
            lines = io.BytesIO(read_file(self.path, MOST_FILE, links=False))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(
                f"Expected the review of an earlier session in {self.path}, but it cannot be read ({error.strerror}); "
                "mend that, or name another --out."
            ) from None
        return [(line, number) for number, line in enumerate(lines, 1) if line.endswith(b"\n") and line.strip()]

    def add(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write decisions, with who took them and when, and give them back so; raises UsageError where that fails."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        named = [replace(decision, by=self.by, when=now) for decision in decisions]
        self._append(self._head + b"".join(json.dumps(asdict(each)).encode() + b"\n" for each in named))
        self._head, self._there = b"", True
        return named

    def _append(self, lines: bytes) -> None:
        if self._there and not os.path.lexists(self.path):
            raise UsageError(
                f"Expected the review {self.path}, but it is there no more since this began; put it back and go on."
            )
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            append_lines(self.path, lines)
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> UsageError:
        return UsageError(f"Expected to write {self.path}, but it cannot be written: {error.strerror}.")

    def _decision(self, line: bytes, number: int) -> Decision:
        try:
            found: Decision = read(Decision, json.loads(line))
            return found
        except (ValueError, RecursionError, Unreadable):
            raise self._strange(number) from None

    def _strange(self, number: int) -> UsageError:
        return UsageError(
            f"Expected a decision in line {number} of {self.path}, got something else; take that line out, or name "
            "another --out to begin anew."
        )
