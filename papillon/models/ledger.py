"""Ledger: what a run's calls were and what they come to, whether made now or replayed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from papillon.store.records import Usage

__all__ = ["CallCost", "Ledger"]


@dataclass(frozen=True, slots=True)
class CallCost:
    """Who answered one recorded call, its tokens, and its price in USD, None where that is unknown.

    ``thought`` says whether the model's thinking stood before its answer.
    """

    role: str
    tokens: Usage
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

    def tokens(self, keys: Iterable[str] | None = None) -> tuple[int, int, int]:
        """Tokens of prompts, written, and of prompts that an earlier call had read, summed over distinct calls."""
        used = [cost.tokens for cost in self._costs(keys)]
        return sum(u.input or 0 for u in used), sum(u.output or 0 for u in used), sum(u.cached or 0 for u in used)

    def usd(self, keys: Iterable[str] | None = None) -> float | None:
        """Their price together; None where one of them has none."""
        prices = [c.usd for c in self._costs(keys)]
        return None if any(p is None for p in prices) else round(sum((p or 0.0 for p in prices), 0.0), 10)

    def _costs(self, keys: Iterable[str] | None) -> list[CallCost]:
        # Summed in key order: the same calls give the same float whatever the order they came in.
        chosen = sorted(self.used if keys is None else set(keys))
        return [self.used[key] for key in chosen if key in self.used]
