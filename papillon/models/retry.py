"""Retrying: the only layer that asks again, within attempts, a deadline and the budget.

It knows what may pass (throttling, server errors, timeouts, dropped connections, a server that is away) from what
will not, by the type of failure alone; the transport says which it was.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from papillon.errors import EndpointError, Filtered, Unreachable
from papillon.models.budget import Budget
from papillon.models.engine import AsyncEngine, LoadedFirst
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.ledger import Ledger
from papillon.models.slots import AdaptiveSlots
from papillon.models.stop import Stop

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["Retrying"]


#: For so many seconds a server that cannot be reached is tried; after so many the user is told that it is.
PATIENCE, NAMED_AFTER = 30.0, 2.0
#: Between two tries to reach it lie at most so many seconds.
LONGEST_REACH = 3.0
#: So many prompts refused in a row, each perhaps for its own sake, give a model up that has not answered yet; and so
#: many one that has, since its key can be revoked in mid-run.
REFUSALS, REFUSALS_AMONG_ANSWERS = 3, 30


@dataclass
class _Call:
    """One call under way: when it began and was asked last, its failed attempts, and those that reached no server."""

    began: float
    asked: float | None = None
    attempts: int = 0
    away: int = 0


@dataclass
class Retrying:
    """Asks ``inner`` up to ``max_attempts`` times in ``deadline`` seconds; ``name`` is the model's.

    ``bound`` gives the most one attempt can cost, ``cost`` what a response did cost, both in USD. A server that
    cannot be reached is tried for PATIENCE seconds, or ``deadline`` where that is less, and ``say`` hears of it; what
    reached no server counts neither as an attempt nor in the budget. A model that stays unreachable, or refuses every
    call, is given up: further calls end at once with the same error, so that a run ends in seconds. ``replayed`` tells
    whether the run rests on recorded answers of the model: then a refusal of one prompt alone is a filter's.
    """

    inner: AsyncEngine
    max_attempts: int
    deadline: float
    budget: Budget
    slots: AdaptiveSlots
    ledger: Ledger
    bound: Callable[[Request], float]
    cost: Callable[[Response], float | None]
    name: str = "The model"
    say: Callable[[str], None] = lambda sentence: None
    replayed: Callable[[], bool] = lambda: False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    stop: Stop = field(default_factory=Stop)
    given_up: EndpointError | None = None
    _away_since: float | None = None
    _named: bool = False
    _loading_told: bool = False
    _answered: bool = False
    _in_flight: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    #: Prompts refused since the server last did anything else, each perhaps for its own sake.
    _refused: set[int] = field(default_factory=set)
    _resting: set[asyncio.Future[None]] = field(default_factory=set)

    async def load(self) -> None:
        """Have the model loaded where it has to be; a stop ends the wait."""
        if not isinstance(self.inner, LoadedFirst) or self.given_up is not None:
            return
        try:
            await self.stop.wait(self.inner.load(), tell=self._tell_of_loading)
        except RefusesAll as failure:
            self._give_up(failure)
            raise

    def _tell_of_loading(self) -> None:
        if not self._loading_told:
            self._loading_told = True
            self.say(f"{self.name} is still being loaded; no call is made before it is.")

    async def acomplete(self, request: Request) -> Response:
        await self._doubt_is_over()
        call = _Call(self.clock())
        try:
            while True:
                try:
                    return await self._attempt(request, call)
                except TransientFailure as failure:
                    pause = self._pause_away(call, failure) if failure.unreachable else self._pause(call, failure)
                except RefusesAll as failure:
                    if failure.certain or (self._doubtful and not self._in_flight):
                        self._give_up(failure)
                    elif failure.alone is not None and await self._answers_others():
                        raise Filtered(failure.alone) from failure
                    raise
                await self._rest(pause)
        except Exception:
            # A call that was never made has not failed: the budget is spent, the run stopped, the model given up.
            self.ledger.failed += call.asked is not None
            raise

    def reach_again(self) -> None:
        """Try a model again that was given up because its server could not be reached."""
        if isinstance(self.given_up, Unreachable):
            self.given_up, self._away_since, self._named = None, None, False
            self.say(f"{self.name} is tried once more.")

    def wake(self) -> None:
        """End all pauses: the run was stopped, or the model given up."""
        for resting in self._resting:
            resting.cancel()
        self._ended.set()

    @property
    def _doubtful(self) -> bool:
        return len(self._refused) >= (REFUSALS_AMONG_ANSWERS if self._answered else REFUSALS)

    async def _doubt_is_over(self) -> None:
        """Let no call begin while many in a row were refused and those in flight may yet tell whose fault it is."""
        while self._doubtful and self._in_flight and self.given_up is None and not self.budget.stopped:
            self._ended.clear()
            await self._ended.wait()

    async def _answers_others(self) -> bool:
        """Whether the model answers: in this run, as those in flight may yet show, or by what is replayed in it."""
        while not self._answered and self._in_flight and self.given_up is None and not self.budget.stopped:
            self._ended.clear()
            await self._ended.wait()
        return self.given_up is None and (self._answered or self.replayed())

    async def _attempt(self, request: Request, call: _Call) -> Response:
        reservation = await self.budget.reserve(self.bound(request))
        if self.given_up is not None:
            self.budget.settle(reservation, 0.0, made=False)
            # One exception for all lost calls must not gather the frames of each.
            raise self.given_up.with_traceback(None)
        call.asked = self.clock()
        # The first attempt has the model's own timeout.
        left = call.began + self.deadline - call.asked if call.attempts else None
        spent, made = 0.0, True
        self._in_flight += 1
        try:
            response = await self._answer(request, left)
            known = self.cost(response)
            # A server that reports no usage may have charged all that was reserved.
            spent = reservation.cost if known is None else known
        except asyncio.CancelledError:
            spent = reservation.cost
            raise
        except Exception as error:
            if isinstance(error, TransientFailure):
                made = not error.unreachable
                spent = reservation.cost if error.may_have_cost else 0.0
            if made:
                self._reached()
            if isinstance(error, RefusesAll) and not error.certain:
                self._refused.add(hash(repr((request.system, request.messages))))
            elif made:
                self._refused.clear()
            raise
        finally:
            self._in_flight -= 1
            self._ended.set()
            self.budget.settle(reservation, spent, made=made)
            self.ledger.retried += made and call.attempts > 0
        self._reached()
        self._refused.clear()
        self._answered = True
        self.slots.succeeded()
        return response

    async def _answer(self, request: Request, left: float | None) -> Response:
        limit = asyncio.timeout(left)
        try:
            async with limit:
                return await self.inner.acomplete(request)
        except TimeoutError as error:
            if not limit.expired():
                raise
            late = f"{self.name} gave no answer within its deadline of {self.deadline:g} s"
            raise TransientFailure(late, may_have_cost=True) from error

    def _pause(self, call: _Call, failure: TransientFailure) -> float:
        """Seconds before the next attempt; raises EndpointError where there is none."""
        if failure.throttled:
            self.slots.throttled()
        call.attempts += 1
        pause = _growing(call.attempts, 20.0)
        if failure.retry_after is not None:
            # The server's wish is the least; a little more, so that not all come back at once.
            pause = max(pause, failure.retry_after + 0.25 * random.random())  # noqa: S311
        if call.attempts >= self.max_attempts or self.clock() - call.began + pause > self.deadline:
            spent = f"{call.attempts} attempts" if call.attempts > 1 else "1 attempt"
            raise EndpointError(f"{_unended(failure)}, after {spent}.") from failure
        return pause

    def _pause_away(self, call: _Call, failure: TransientFailure) -> float:
        """Seconds before the server is tried again; raises Unreachable once it was tried for long enough."""
        assert call.asked is not None
        if self._away_since is None:
            self._away_since = call.asked
        away, patience = self.clock() - self._away_since, min(PATIENCE, self.deadline)
        if away >= patience:
            if self.given_up is None:
                self.say(f"{self.name} could not be reached for {away:.0f} s, and is given up for now.")
                self._give_up(Unreachable(f"{_unended(failure)}, tried for {away:.0f} s."))
            assert self.given_up is not None
            raise self.given_up.with_traceback(None) from failure
        if away >= NAMED_AFTER and not self._named:
            self._named = True
            self.say(f"{_unended(failure)}; it is tried for {patience:.0f} s.")
        call.away += 1
        return min(_growing(call.away, LONGEST_REACH), patience - away)

    def _give_up(self, error: EndpointError) -> None:
        self.given_up = self.given_up or error
        self.wake()

    def _reached(self) -> None:
        if self._named and self._away_since is not None:
            self.say(f"{self.name} can be reached again, after {self.clock() - self._away_since:.0f} s.")
        self._away_since, self._named = None, False

    async def _rest(self, seconds: float) -> None:
        """Sleep, but no longer than a next attempt is to be made."""
        if self.budget.stopped or self.given_up is not None:
            return
        resting = asyncio.ensure_future(self.sleep(seconds))
        self._resting.add(resting)
        try:
            await asyncio.wait([resting])
        finally:
            resting.cancel()
            self._resting.discard(resting)


def _growing(attempt: int, most: float) -> float:
    """Seconds after a failed attempt (from 1): twice as many each time, up to ``most``, with jitter."""
    return min(most, 0.5 * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def _unended(failure: Exception) -> str:
    return str(failure).rstrip(".")
