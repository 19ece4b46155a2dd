"""Retrying: the only layer that asks again, within attempts, a deadline and the budget.

It knows what may pass (throttling, server errors, timeouts, dropped connections) from what will not, by
the type of failure alone; the transport says which it was.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from papillon.errors import EndpointError
from papillon.models.budget import Budget
from papillon.models.ledger import Ledger
from papillon.models.slots import AdaptiveSlots

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["AsyncEngine", "RefusesAll", "Retrying", "TransientFailure"]


class AsyncEngine(Protocol):
    """What answers one request, once."""

    async def acomplete(self, request: Request) -> Response: ...


class TransientFailure(EndpointError):
    """A failure that may pass.

    ``retry_after`` is the server's own wish in seconds; ``throttled`` says it was asked too much;
    ``unreachable`` that no connection could be made; ``may_have_cost`` that an answer may be billed.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        throttled: bool = False,
        unreachable: bool = False,
        may_have_cost: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after, self.throttled, self.unreachable = retry_after, throttled, unreachable
        self.may_have_cost = may_have_cost


class RefusesAll(EndpointError):
    """The server would refuse every other call for the same reason (a wrong key, an unknown model, no quota).

    Where ``certain`` is false it may as well be this call alone: only several in a row say that it is not.
    """

    def __init__(self, message: str, *, certain: bool = True) -> None:
        super().__init__(message)
        self.certain = certain


@dataclass
class Retrying:
    """Asks ``inner`` up to ``max_attempts`` times in ``deadline`` seconds.

    ``bound`` gives the most one attempt can cost, ``cost`` what a response did cost, both in USD. A
    model whose server cannot be reached past its retries, or that refuses the key, is given up for the
    rest of the run, so that a run against a dead endpoint ends in seconds.
    """

    inner: AsyncEngine
    max_attempts: int
    deadline: float
    budget: Budget
    slots: AdaptiveSlots
    ledger: Ledger
    bound: Callable[[Request], float]
    cost: Callable[[Response], float | None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    given_up: EndpointError | None = None

    async def acomplete(self, request: Request) -> Response:
        started = time.monotonic()
        attempt = 0
        while True:
            if self.given_up is not None:
                raise self.given_up
            attempt += 1
            try:
                return await self._attempt(request)
            except TransientFailure as failure:
                if failure.throttled:
                    self.slots.throttled()
                pause = _pause(attempt, failure.retry_after)
                late = time.monotonic() - started + pause > self.deadline
                if attempt >= self.max_attempts or late:
                    spent = f"{attempt} attempts" if attempt > 1 else "1 attempt"
                    final = EndpointError(f"{str(failure).rstrip('.')}, after {spent}.")
                    if failure.unreachable:
                        self.given_up = final
                    raise final from failure
                self.ledger.retried += 1
                await self.sleep(pause)
            except RefusesAll as failure:
                self.given_up = failure
                raise

    async def _attempt(self, request: Request) -> Response:
        reservation = await self.budget.reserve(self.bound(request))
        spent = 0.0
        try:
            response = await self.inner.acomplete(request)
            known = self.cost(response)
            # A server that reports no usage may have charged all that was reserved.
            spent = reservation.cost if known is None else known
        except TransientFailure as failure:
            spent = reservation.cost if failure.may_have_cost else 0.0
            raise
        except asyncio.CancelledError:
            spent = reservation.cost
            raise
        finally:
            self.budget.settle(reservation, spent)
        self.slots.succeeded()
        return response


def _pause(attempt: int, retry_after: float | None) -> float:
    """Seconds before the next attempt: the server's wish and a little more, else exponential with jitter."""
    spread = random.random()  # noqa: S311
    if retry_after is not None:
        return retry_after + 0.25 * spread
    return min(20.0, 0.5 * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * spread)
