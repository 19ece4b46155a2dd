"""Stop: that a run was stopped, for whoever waits for something else than an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from papillon.errors import RunStopped

__all__ = ["TOLD_AFTER", "Stop"]

T = TypeVar("T")

#: After so many seconds a wait is worth a word to the user.
TOLD_AFTER = 10.0


class Stop:
    """Ends waits when it is asked for, and lets no other begin. One event loop."""

    def __init__(self) -> None:
        self.asked = False
        self._waits: set[asyncio.Future[Any]] = set()

    def ask(self) -> None:
        """The run is stopped: every wait ends with RunStopped."""
        self.asked = True
        for wait in self._waits:
            wait.cancel()

    def refuse(self) -> None:
        """Raises RunStopped where the run was stopped: no call is sent any more."""
        if self.asked:
            raise RunStopped("The run was stopped before this call was made.")

    async def wait(self, coming: Coroutine[Any, Any, T], *, tell: Callable[[], None] = lambda: None) -> T:
        """What ``coming`` gives; a stop cancels it and raises RunStopped.

        ``tell`` is called once, after TOLD_AFTER seconds.
        """
        wait = asyncio.ensure_future(coming)
        if self.asked:
            wait.cancel()
        self._waits.add(wait)
        try:
            done, _ = await asyncio.wait([wait], timeout=TOLD_AFTER)
            if not done:
                tell()
                await asyncio.wait([wait])
        finally:
            wait.cancel()
            self._waits.discard(wait)
        if wait.cancelled():
            self.refuse()
        return wait.result()
