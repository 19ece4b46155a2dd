"""Retrying: what is asked again and for how long, what is loaded first, and what a stop ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from dspy.lm15 import Message, Request, Response, Usage
from hypothesis import given
from hypothesis import strategies as st

from papillon.errors import BudgetSpent, EndpointError, RunStopped, Unreachable
from papillon.models import stop
from papillon.models.budget import Budget
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.ledger import Ledger
from papillon.models.retry import Retrying
from papillon.models.slots import AdaptiveSlots
from papillon.profile import ModelSettings


def asking(text: str) -> Request:
    return Request(model="m", messages=(Message.user(text),))


REQUEST = asking("hello")
FINE = Response(id=None, model="m", message=Message.assistant("hi"), finish_reason="stop", usage=Usage())


def away() -> TransientFailure:
    return TransientFailure("Model m at http://h cannot be reached (Connection refused).", unreachable=True)


class Served:
    """A model behind retries, on a clock that pauses alone move; ``answers`` say what came at which second."""

    def __init__(self, answer: Callable[[float], Exception | None], **changed: Any) -> None:
        self.answer = answer
        self.now = 0.0
        self.asked_at: list[float] = []
        self.said: list[tuple[float, str]] = []
        settings: dict[str, Any] = {
            "max_attempts": 3,
            "deadline": 60.0,
            "budget": Budget(),
            "slots": AdaptiveSlots(8),
            "ledger": Ledger(),
            "bound": lambda request: 1.0,
            "cost": lambda response: 0.25,
            "name": "Model openai/m",
            "say": lambda sentence: self.said.append((self.now, sentence)),
            "sleep": self.sleep,
            "clock": lambda: self.now,
        }
        self.model = Retrying(self, **(settings | changed))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def acomplete(self, request: Request) -> Response:
        self.asked_at.append(self.now)
        if (failure := self.answer(self.now)) is not None:
            raise failure
        return FINE

    def ask(self, request: Request = REQUEST) -> Exception | None:
        """What one call ended with; None for its answer."""

        async def main() -> Exception | None:
            try:
                await self.model.acomplete(request)
            except Exception as error:
                return error
            return None

        return asyncio.run(main())


class TestAServerThatIsAway:
    @given(back=st.floats(0, 30))
    def test_it_is_waited_for_whatever_the_attempts_if_it_is_back_within_half_a_minute(self, back: float) -> None:
        served = Served(lambda now: None if now >= back else away(), max_attempts=1)
        assert served.ask() is None
        assert served.now <= back + 3

    def test_it_is_tried_for_half_a_minute_and_then_no_call_waits_again(self) -> None:
        served = Served(lambda now: away(), max_attempts=99)
        for _ in range(2):
            error = served.ask()
            assert isinstance(error, Unreachable)
            assert str(error) == "Model m at http://h cannot be reached (Connection refused), tried for 30 s."
            assert served.now == served.asked_at[-1] == 30
        pauses = [later - earlier for earlier, later in zip(served.asked_at, served.asked_at[1:], strict=False)]
        assert max(pauses) <= 3

    def test_it_is_named_within_ten_seconds_and_so_is_its_end(self) -> None:
        served = Served(lambda now: None if now >= 12 else away())
        assert served.ask() is None
        (named, sentence), (over, end) = served.said
        assert named < 10
        assert sentence == "Model m at http://h cannot be reached (Connection refused); it is tried for 30 s."
        assert 12 <= over < 15
        assert end.startswith("Model openai/m can be reached again, after 1")

    def test_a_hitch_of_a_second_is_not_worth_a_word(self) -> None:
        served = Served(lambda now: None if now >= 1 else away())
        assert served.ask() is None
        assert served.said == []

    def test_the_clock_runs_for_the_model_and_starts_anew_with_each_outage(self) -> None:
        served = Served(lambda now: away() if now % 100 < 25 else None)
        assert served.ask() is None
        served.now = 100
        assert served.ask() is None

    def test_a_lower_deadline_wins(self) -> None:
        served = Served(lambda now: away(), deadline=5.0)
        assert isinstance(served.ask(), Unreachable)
        assert served.now == 5

    def test_what_reached_no_server_is_neither_an_attempt_nor_a_call_of_the_budget(self) -> None:
        def answer(now: float) -> Exception | None:
            return away() if now < 12 else TransientFailure("Busy.") if now < 13 else None

        served = Served(answer, max_attempts=3, budget=Budget(max_calls=3))
        assert served.ask() is None
        assert served.model.budget.calls <= 3

    def test_it_is_tried_once_more_where_that_is_asked_for(self) -> None:
        served = Served(lambda now: away() if now < 40 else None)
        assert isinstance(served.ask(), Unreachable)
        served.model.reach_again()
        assert served.ask() is None
        assert served.said[-1][1].startswith("Model openai/m can be reached again")

    def test_a_model_that_refuses_is_not_tried_once_more(self) -> None:
        served = Served(lambda now: RefusesAll("No such key."))
        served.ask()
        served.model.reach_again()
        assert str(served.ask()) == "No such key."
        assert len(served.asked_at) == 1


class TestWhatMayPass:
    @pytest.mark.parametrize("wish", [None, 0.0], ids=["", "retry-after-0"])
    @given(st.data())
    def test_a_proxy_that_answers_for_a_server_that_is_away_for_12_seconds_costs_nothing(
        self, wish: float | None, data: st.DataObject
    ) -> None:
        random.seed(data.draw(st.integers(0, 10**6)))
        settings = ModelSettings("openai/m")
        failure = TransientFailure("Model m answered with status 502.", retry_after=wish)
        served = Served(lambda now: failure if now < 12 else None, max_attempts=settings.max_attempts)
        assert served.ask() is None


class TestTheDeadline:
    @pytest.mark.parametrize("deadline", [3.0, 20.0])
    def test_no_attempt_begins_after_it(self, deadline: float) -> None:
        served = Served(lambda now: TransientFailure("Busy."), max_attempts=99, deadline=deadline)
        error = served.ask()
        assert type(error) is EndpointError
        assert str(error) == f"Busy, after {len(served.asked_at)} attempts."
        assert served.now <= deadline

    def test_it_ends_a_later_attempt_too(self) -> None:
        class Hanging:
            asked = 0

            async def acomplete(self, request: Request) -> Response:
                self.asked += 1
                if self.asked > 1:
                    await asyncio.sleep(5)
                raise TransientFailure("Busy.", retry_after=0)

        served = Served(lambda now: None, deadline=0.5, max_attempts=9)
        served.model.inner = Hanging()
        error = served.ask()
        assert str(error) == "Model openai/m gave no answer within its deadline of 0.5 s, after 2 attempts."
        assert served.model.budget.cost == 1.0  # it may have been billed


class TestAStop:
    @pytest.mark.parametrize("failure", [away(), TransientFailure("Busy.", retry_after=30)], ids=["away", "busy"])
    def test_it_ends_the_pause_before_the_next_attempt(self, failure: Exception) -> None:
        async def main() -> None:
            served = Served(lambda now: failure, sleep=lambda seconds: asyncio.sleep(60))
            call = asyncio.ensure_future(served.model.acomplete(REQUEST))
            await asyncio.sleep(0.01)
            served.model.budget.stop()
            served.model.wake()
            with pytest.raises(RunStopped, match="stopped before this call was made"):
                await asyncio.wait_for(call, 1)
            assert len(served.asked_at) == 1

        asyncio.run(main())

    def test_an_attempt_that_fails_afterwards_is_not_repeated(self) -> None:
        async def main() -> None:
            served = Served(lambda now: None, sleep=lambda seconds: asyncio.sleep(60))

            class Failing:
                async def acomplete(self, request: Request) -> Response:
                    served.model.budget.stop()
                    served.model.wake()
                    raise TransientFailure("Busy.")

            served.model.inner = Failing()
            with pytest.raises(RunStopped):
                await asyncio.wait_for(served.model.acomplete(REQUEST), 1)

        asyncio.run(main())


class TestLoading:
    """A model that must be loaded, or its server started, before it can be asked."""

    @staticmethod
    def served(load: Callable[[], Awaitable[None]]) -> Served:
        served = Served(lambda now: None)
        served.load = load  # type: ignore[attr-defined]
        return served

    def test_a_stop_ends_the_wait_for_it_and_nothing_is_asked(self) -> None:
        async def load() -> None:
            await asyncio.sleep(60)

        async def main() -> None:
            loads = [asyncio.ensure_future(served.model.load()) for _ in range(2)]
            await asyncio.sleep(0.01)
            served.model.stop.ask()
            ended = await asyncio.wait_for(asyncio.gather(*loads, return_exceptions=True), 1)
            assert [type(error) for error in ended] == [RunStopped] * 2

        served = self.served(load)
        asyncio.run(main())
        assert (served.asked_at, served.model.ledger.failed) == ([], 0)

    def test_one_that_takes_long_is_told_of_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def load() -> None:
            await asyncio.sleep(0.2)

        async def main() -> None:
            await asyncio.gather(*(served.model.load() for _ in range(3)))

        monkeypatch.setattr(stop, "TOLD_AFTER", 0.05)
        served = self.served(load)
        asyncio.run(main())
        assert [said for _, said in served.said] == [
            "Model openai/m is still being loaded; no call is made before it is."
        ]

    def test_one_that_fails_is_given_up_and_its_calls_were_never_made(self) -> None:
        async def load() -> None:
            raise RefusesAll("CUDA out of memory.")

        served = self.served(load)
        with pytest.raises(RefusesAll, match="CUDA out of memory"):
            asyncio.run(served.model.load())
        asyncio.run(served.model.load())
        assert str(served.ask()) == "CUDA out of memory."
        assert (served.asked_at, served.model.ledger.failed) == ([], 0)


class TestCounting:
    def test_failed_are_calls_that_were_made_and_not_those_that_never_began(self) -> None:
        served = Served(lambda now: TransientFailure("Busy."), budget=Budget(max_calls=4))
        assert type(served.ask()) is EndpointError
        assert isinstance(served.ask(), BudgetSpent)  # at its second attempt
        assert isinstance(served.ask(), BudgetSpent)
        assert (served.model.ledger.failed, served.model.ledger.retried) == (2, 2)

    def test_a_call_that_finds_its_model_given_up_has_not_failed(self) -> None:
        served = Served(lambda now: RefusesAll("No such key."))
        for _ in range(4):
            served.ask()
        assert served.model.ledger.failed == 1
