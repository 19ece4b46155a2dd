"""What a judge is: two questions about one example, each answered in its own type.

A judge answers or raises :class:`papillon.errors.JudgeError`; an answer that cannot be read is never a score.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from papillon.results.traces import Judgement

__all__ = ["Judge", "Leakage", "Opinion", "Quality", "Verdict"]

Verdict = Literal["better", "tie", "worse", "inconsistent"]


@dataclass(frozen=True)
class Opinion:
    """One answer of a judge that asks a model, and the keys of the calls that it took, the last the one that counts."""

    said: Judgement
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Leakage:
    """How many of the units a request gives away, by the judge's own count.

    ``leaked`` is in 0..len(units). ``near`` is how many of these were found by a fuzzy
    match alone; None where the judge does not tell them apart. ``opinions`` are a model's answers behind it.
    """

    leaked: int
    near: int | None = None
    opinions: tuple[Opinion, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Quality:
    """Whether an answer is at least as good as the target.

    ``score`` is 0 or 1; ``verdict`` is what the two orders of the pair said together, None for a
    judge that asks only once; ``closeness`` in 0..1 is a graded judge's own scale, else None. ``opinions``
    are a model's answers behind it.
    """

    score: int
    verdict: Verdict | None = None
    closeness: float | None = None
    opinions: tuple[Opinion, ...] = field(default=(), compare=False)


class Judge(Protocol):
    """Answers for one example; both questions may be asked at the same time."""

    kind: str

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        """Count the units that ``request`` gives away."""
        ...

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        """Hold ``answer`` against ``target`` as a reply to ``query``."""
        ...
