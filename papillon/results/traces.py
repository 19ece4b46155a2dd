"""Traces: what a row's texts were, one line of JSON a row in a run's folder, and how they are read again.

They hold private texts, so they stand in the run's own folder alone. How a trace comes about is the harness's matter.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from papillon.bounds import MOST_FILE
from papillon.errors import UsageError
from papillon.files import plain_lines
from papillon.reading import Unreadable, read
from papillon.results.ranges import Amount, Count

__all__ = ["TRACES", "Judgement", "LeakedUnit", "Trace", "TracedCall", "Traces"]

#: The file's name in a run's folder.
TRACES = "traces.jsonl"


@dataclass(frozen=True)
class LeakedUnit:
    """One place of one request at which a unit stands, word for word or nearly.

    ``request`` is an index into the trace's requests, ``start`` and ``end`` count characters of that one as sent.
    """

    unit: str = field(repr=False)
    request: Count
    how: Literal["verbatim", "near"]
    start: Count
    end: Count


@dataclass(frozen=True)
class Judgement:
    """One answer of an LLM judge: its count of leaked units, or whether the first of two replies is as good.

    ``order`` says which reply stood first, None for a question about leakage; ``attempts`` counts how often
    the question was put until the answer could be used, those of earlier runs among them.
    """

    question: Literal["leakage", "quality"]
    order: Literal["answer-first", "target-first"] | None
    answer: bool | int
    reason: str = field(repr=False)
    attempts: Count


@dataclass(frozen=True)
class TracedCall:
    """One recorded call that the row rests on; tokens and USD are None where they are unknown.

    ``replayed`` says that this run found it recorded.
    """

    role: str
    key: str
    input_tokens: Count | None
    output_tokens: Count | None
    cost_usd: Amount | None
    replayed: bool


@dataclass(frozen=True)
class Trace:
    """The texts of one row; fields and meaning as in a line of the file.

    ``requests`` are what the program sent to the untrusted model, ``untrusted_responses`` what came back to each,
    None where nothing did. ``unparsed`` is what a model wrote that was in no format, or what a judge wrote last that
    could not be used, else None; ``judge_extra`` how many more units than those in ``leaked_units`` an LLM judge
    counted, None for a row without scores. ``judge`` is empty for the lexical judge.
    """

    id: str
    trial: Count
    # In no repr, like all that is private: a traceback may show the locals of every frame.
    query: str = field(repr=False)
    redacted_query: str = field(repr=False)
    units: tuple[str, ...] = field(repr=False)
    target: str = field(repr=False)
    requests: tuple[str, ...] = field(repr=False)
    untrusted_responses: tuple[str | None, ...] = field(repr=False)
    response: str = field(repr=False)
    unparsed: str | None = field(repr=False)
    leaked_units: tuple[LeakedUnit, ...]
    judge_extra: Count | None
    judge: tuple[Judgement, ...]
    calls: tuple[TracedCall, ...]
    error: str | None

    def to_json(self) -> dict[str, Any]:
        parts = {name: [dict(vars(part)) for part in getattr(self, name)] for name in _PARTS}
        return vars(self) | parts | {name: list(getattr(self, name)) for name in _LISTS}

    def to_line(self) -> bytes:
        """One line of the file, its end included."""
        return json.dumps(self.to_json(), ensure_ascii=False).encode(errors="surrogatepass") + b"\n"

    @classmethod
    def from_json(cls, data: object) -> Trace:
        """The trace that :meth:`to_json` wrote; raises Unreadable, which quotes no text, for anything else."""
        return read(cls, data)

    @classmethod
    def from_line(cls, line: bytes) -> Trace:
        """The trace of one line of the file; raises Unreadable, which quotes no text."""
        try:
            data = json.loads(line.decode(errors="surrogatepass"))
        except (ValueError, RecursionError):
            raise Unreadable("is no JSON", "the line") from None
        return cls.from_json(data)


_PARTS = ("leaked_units", "judge", "calls")
_LISTS = ("units", "requests", "untrusted_responses")


class Traces:
    """The traces of one run's folder, read from the file row by row whenever they are asked for.

    Every way to read raises UsageError, in one sentence with file and line, for what is no plain file or no trace;
    :meth:`readable` collects those of the lines.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TRACES

    def __iter__(self) -> Iterator[Trace]:
        """Every trace, in the file's order."""
        for number, line in self._lines():
            yield self._read(line, number)

    def readable(self, unread: list[str]) -> Iterator[Trace]:
        """Every trace that can be read; of each line that is none a sentence joins ``unread``, and none is raised."""
        for number, line in self._lines():
            try:
                trace = self._read(line, number)
            except UsageError as error:
                unread.append(str(error))
            else:
                yield trace

    def of(self, rows: Collection[tuple[str, int]], unread: list[str]) -> Iterator[Trace]:
        """Those of some rows, by id and trial, in the file's order; other lines are hardly looked at, and of each that
        is none a sentence joins ``unread``."""
        beginnings = tuple(_beginning(*row) for row in rows)
        for number, line in self._lines():
            if line.startswith(beginnings):
                try:
                    yield self._read(line, number)
                except UsageError as error:
                    unread.append(str(error))

    def find(self, id: str, trial: int = 0) -> Trace | None:
        """The trace of one row, None where the file has none; the last one, where a run was killed before it said."""
        sought, found = _beginning(id, trial), None
        for number, line in self._lines():
            if line.startswith(sought):
                found = self._read(line, number)
        return found

    def _read(self, line: bytes, number: int) -> Trace:
        try:
            return Trace.from_line(line)
        except Unreadable as error:
            raise UsageError(
                f"Expected the trace of one row in line {number} of {self.path}, but {error}; "
                "make the run again: what is recorded is replayed."
            ) from None

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            yield from enumerate(plain_lines(self.path, MOST_FILE), 1)
        except OSError as error:
            raise UsageError(f"Expected a run's traces in {self.path}, but {cause(error)}; name another run.") from None


def _beginning(id: str, trial: int) -> bytes:
    """How the line of a row begins."""
    return f'{{"id": {json.dumps(id, ensure_ascii=False)}, "trial": {trial},'.encode()


def cause(error: OSError) -> str:
    """What keeps a file from being read, as the end of a sentence."""
    match error.errno:
        case errno.ENOENT:
            return "there is none"
        case errno.ELOOP:
            return "it is no plain file"
    return f"it cannot be read ({error.strerror})"
