"""Turn: on whose behalf a model call is made, carried to the engines by a context variable.

The limits read a call's priority from it. It collects what a row follows from beside the answers: the keys of the
calls that it rests on, and what each role failed with or answered without text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import count

from papillon.store import Record

__all__ = ["JUDGE_DEPTH", "Turn", "Use", "current_turn", "hearing", "noting_failure"]

#: Judges' calls come last: nothing waits for them, so they fill the slots that the chains leave.
JUDGE_DEPTH = 1_000


@dataclass(frozen=True)
class Use:
    """One use of a recorded call: by which role, and whether an earlier run made the call."""

    role: str
    record: Record
    replayed: bool


@dataclass
class Turn:
    """One example's way through the models.

    ``order`` is its place in the run; ``depth`` counts the calls its chain has made, so that the chain
    with most still before it goes first and the slots stay full to the end (Hu 1961: highest level
    first); ``keys`` counts the calls used, by key, and ``uses`` holds each of them by the number at which it began;
    ``on_request`` hears each request to the untrusted model, and gives what hears the response.
    ``failures`` holds what the last call to a role failed with: a program may catch it and answer all the same;
    ``failed`` says that any call did, also one that a later one made good;
    ``textless`` what the last answer of a role consists of that has no text.
    """

    order: int
    depth: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    uses: dict[int, Use] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    on_request: Callable[[str], Callable[[str], None]] | None = None
    failures: dict[str, Exception] = field(default_factory=dict)
    failed: bool = False
    textless: dict[str, str] = field(default_factory=dict)

    @property
    def priority(self) -> tuple[int, int]:
        return (self.depth, self.order)

    def judging(self) -> Turn:
        """The same turn in its judge's hands: last in line, keys shared, failures its own."""
        return replace(self, depth=JUDGE_DEPTH, failures={}, textless={})


current_turn: ContextVar[Turn | None] = ContextVar("papillon_turn", default=None)

#: Where whoever asks a question sets a dictionary, it is told each call's key and whether this run made the call.
hearing: ContextVar[dict[str, bool] | None] = ContextVar("papillon_hearing", default=None)


@contextmanager
def noting_failure(role: str) -> Iterator[None]:
    """Around a call to a role: the turn knows of its failure until a call to that role succeeds."""
    turn = current_turn.get()
    try:
        yield
    except Exception as error:
        if turn is not None:
            turn.failures[role], turn.failed = error, True
        raise
    if turn is not None:
        turn.failures.pop(role, None)
