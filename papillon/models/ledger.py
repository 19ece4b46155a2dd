"""Ledger: what a run's calls were and what they come to, whether made now or replayed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["CallCost", "Ledger"]


@dataclass(frozen=True)
class CallCost:
    """Who answered one recorded call, its tokens, None where the model did not report them, and its price in USD.

    ``thought`` says whether the model's thinking stood before its answer.
    """

    role: str
    input: int | None
    output: int | None
    usd: float | None
    thought: bool = False


@dataclass
class Ledger:
    """Counts of this run's calls, and the cost of every recorded call that it used, by key.

    ``asked_again`` holds the keys of the calls made because a judge's recorded answers were unusable.
    """

    made: int = 0
    replayed: int = 0
    retried: int = 0
    failed: int = 0
    used: dict[str, CallCost] = field(default_factory=dict)
    asked_again: set[str] = field(default_factory=set)

    @property
    def thought(self) -> int:
        """How many of the answers had the model's thinking before them, which was left out."""
        return sum(cost.thought for cost in self.used.values())

    def tokens(self, keys: Iterable[str] | None = None) -> tuple[int, int]:
        """Input and output tokens summed over distinct calls."""
        costs = self._costs(keys)
        return sum(c.input or 0 for c in costs), sum(c.output or 0 for c in costs)

    def usd(self, keys: Iterable[str] | None = None) -> float | None:
        """Their price together; None where one of them has none."""
        prices = [c.usd for c in self._costs(keys)]
        return None if any(p is None for p in prices) else round(sum((p or 0.0 for p in prices), 0.0), 10)

    def _costs(self, keys: Iterable[str] | None) -> list[CallCost]:
        # Summed in key order: the same calls give the same float whatever the order they came in.
        chosen = sorted(self.used if keys is None else set(keys))
        return [self.used[key] for key in chosen if key in self.used]
