"""Barrier: where the parts of a run (its rows, the judge's own test) meet once each only waits for servers.

Models that were given up are tried once more then, each one time, for all parts at once: nobody takes another's turn
away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

__all__ = ["Barrier", "OnceMore", "never"]

T = TypeVar("T")

#: How work asks whether what waits for a server is worth another try.
OnceMore = Callable[[], Awaitable[bool]]


async def never() -> bool:
    """Nothing is worth another try."""
    return False


class Barrier:
    """For ``parts`` of a run on one event loop; ``reach_again`` lets models be tried but for those, and says which."""

    def __init__(self, parts: int, reach_again: Callable[[Collection[str]], set[str]]) -> None:
        self._parts, self._reach_again = parts, reach_again
        self._tried: set[str] = set()
        self._met: list[asyncio.Future[bool]] = []

    async def through(self, work: Awaitable[T]) -> T:
        """Do one part's work; when that ends, or fails, no other waits for it."""
        try:
            return await work
        finally:
            self._parts -= 1
            self._open()

    async def meet(self) -> bool:
        """Wait until all parts that are at work are here; whether what waits is worth another try."""
        here: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._met.append(here)
        self._open()
        return await here

    def _open(self) -> None:
        met = [here for here in self._met if not here.done()]
        if met and len(met) >= self._parts:
            again, self._met = self._reach_again(self._tried), []
            self._tried |= again
            for here in met:
                here.set_result(bool(again))
