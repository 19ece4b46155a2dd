"""Budget: the cap on what one run may spend, kept by reserving before spending.

A budget that is checked first and charged afterwards overshoots as soon as calls run side by side.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from papillon.errors import BudgetSpent

__all__ = ["Budget", "Reservation"]


@dataclass(frozen=True)
class Reservation:
    """What one attempt may come to at most, in USD."""

    cost: float


class Budget:
    """Caps on attempts (``max_calls``) and on cost (``max_cost``, USD); None is no cap. One event loop."""

    def __init__(self, max_calls: int | None = None, max_cost: float | None = None) -> None:
        self.max_calls, self.max_cost = max_calls, max_cost
        self.calls = 0
        self.cost = 0.0
        self.spent_out = False
        self._open_cost = 0.0
        self._open = 0
        self._settled: asyncio.Event = asyncio.Event()

    async def reserve(self, cost: float) -> Reservation:
        """Set ``cost`` aside for one attempt, waiting while open reservations might give room back.

        Raises BudgetSpent when what is spent leaves no room.
        """
        while True:
            if self.max_calls is not None and self.calls >= self.max_calls:
                self.spent_out = True
                raise BudgetSpent(
                    f"The cap of {self.max_calls} calls (--eval-max-calls) is reached: raise it and run again; "
                    "the calls made so far are recorded and cost nothing then."
                )
            # A hair of slack: sums of floats must not refuse what adds up exactly.
            if self.max_cost is None or self.cost + self._open_cost + cost <= self.max_cost * (1 + 1e-12):
                self.calls += 1
                self._open += 1
                self._open_cost += cost
                return Reservation(cost)
            if self._open == 0:
                self.spent_out = True
                raise BudgetSpent(
                    f"The cap of {self.max_cost:g} USD (--eval-max-cost) leaves no room: {self.cost:.4g} USD are spent "
                    f"and the next call may cost up to {cost:.4g}; raise it and run again, the calls made so far "
                    "are recorded and cost nothing then."
                )
            self._settled.clear()
            await self._settled.wait()

    def settle(self, reservation: Reservation, cost: float) -> None:
        """Replace a reservation by what the attempt came to."""
        self._open -= 1
        self._open_cost -= reservation.cost
        self.cost += cost
        self._settled.set()
