"""Budget: the cap on what one run may spend, kept by reserving before spending.

A budget that is checked first and charged afterwards overshoots as soon as calls run side by side.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from papillon.errors import BudgetSpent, RunStopped

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
        self.stopped = False
        self._open_cost = 0.0
        self._open = 0
        self._changed: asyncio.Event = asyncio.Event()

    async def reserve(self, cost: float) -> Reservation:
        """Set ``cost`` aside for one attempt, waiting while open reservations might give room back.

        Raises BudgetSpent when what is spent leaves no room, RunStopped when the run was stopped.
        """
        while True:
            if self.stopped:
                raise RunStopped("The run was stopped before this call was made.")
            called_out = self.max_calls is not None and self.calls >= self.max_calls
            # A hair of slack: sums of floats must not refuse what adds up exactly.
            paid_out = self.max_cost is not None and self.cost + self._open_cost + cost > self.max_cost * (1 + 1e-12)
            if not called_out and not paid_out:
                self.calls += 1
                self._open += 1
                self._open_cost += cost
                return Reservation(cost)
            if self._open == 0:
                raise BudgetSpent(self._no_calls() if called_out else self._no_room(cost))
            self._changed.clear()
            await self._changed.wait()

    def settle(self, reservation: Reservation, cost: float, *, made: bool = True) -> None:
        """Replace a reservation by what the attempt came to; not ``made``, it is no call either."""
        self._open -= 1
        self._open_cost -= reservation.cost
        self.cost += cost
        self.calls -= not made
        self._changed.set()

    def stop(self) -> None:
        """Let no further attempt begin."""
        self.stopped = True
        self._changed.set()

    def _no_calls(self) -> str:
        return (
            f"The cap of {self.max_calls} calls (--eval-max-calls) is reached: raise it and run again; "
            "the calls made so far are recorded and cost nothing then."
        )

    def _no_room(self, cost: float) -> str:
        return (
            f"The cap of {self.max_cost:g} USD (--eval-max-cost) leaves no room: {self.cost:.4g} USD are spent "
            f"and the next call may cost up to {cost:.4g}; raise it and run again, the calls made so far "
            "are recorded and cost nothing then."
        )
