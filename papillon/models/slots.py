"""Slots: how many model calls may be in flight at once, and who goes next.

Everything here runs on one event loop, so nothing needs a lock. Which failures count as
throttling is the retry layer's matter.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from papillon.errors import RunStopped

__all__ = ["AdaptiveSlots", "Slots"]


class Slots:
    """A bound on calls in flight; those that wait are served by priority, lowest first, then by arrival."""

    def __init__(self, limit: int) -> None:
        self.limit = float(limit)
        self.in_use = 0
        self.stopped = False
        self._waiting: list[tuple[tuple[int, int], int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._empty = asyncio.Event()

    @asynccontextmanager
    async def taken(self, priority: tuple[int, int]) -> AsyncIterator[None]:
        """Hold one slot; raises RunStopped where the run stopped before this call's turn."""
        await self._take(priority)
        try:
            yield
        finally:
            self.in_use -= 1
            self._serve()
            if not self.in_use:
                self._empty.set()

    async def empty(self) -> None:
        """Wait until no slot is held."""
        while self.in_use:
            self._empty.clear()
            await self._empty.wait()

    async def _take(self, priority: tuple[int, int]) -> None:
        if self.stopped:
            raise RunStopped("The run was stopped before this call had its turn.")
        if self.in_use < int(self.limit) and not self._waiting:
            self.in_use += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            # Served and cancelled in the same step: the slot goes to the next in line.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.in_use -= 1
                self._serve()
            raise

    def _serve(self) -> None:
        while self._waiting and self.in_use < int(self.limit):
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self.in_use += 1
                turn.set_result(None)

    def stop(self) -> None:
        """Let no further call in; those in flight go on."""
        self.stopped = True
        waiting, self._waiting = self._waiting, []
        for _, _, turn in waiting:
            if not turn.done():
                turn.set_exception(RunStopped("The run was stopped before this call had its turn."))


class AdaptiveSlots(Slots):
    """Slots that shrink when a server says it is asked too much, and grow back while it answers.

    Additive increase, multiplicative decrease (Chiu and Jain 1989): a throttled call cuts the limit
    to 0.7 of what was in use, a round of successful ones adds one.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.most = float(limit)
        self._cut_at_success = -1
        self._successes = 0

    def throttled(self) -> None:
        # The calls that were in flight together report the same overload: cut once for all of them.
        if self._successes == self._cut_at_success:
            return
        self._cut_at_success = self._successes
        self.limit = max(1.0, min(self.limit, float(self.in_use)) * 0.7)

    def succeeded(self) -> None:
        self._successes += 1
        if self.limit < self.most:
            self.limit = min(self.most, self.limit + 1 / self.limit)
            self._serve()
