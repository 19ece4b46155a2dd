"""When a model is given up: what concerns every call, and what is one call's own."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from dspy.lm15 import Request, Response
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from papillon.errors import EndpointError, Filtered
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.retry import REFUSALS, REFUSALS_AMONG_ANSWERS
from papillon.models.slots import AdaptiveSlots
from tests.papillon.models.test_retry import FINE, REQUEST, Served, asking, away


def forbidden() -> RefusesAll:
    return RefusesAll("Forbidden.", certain=False)


class Crowd:
    """Calls made side by side; ``ends`` says how the n-th ends, True for refused, and after how many seconds."""

    slots = 16

    def __init__(self, ends: Callable[[int], tuple[bool | Exception | None, float]]) -> None:
        self.ends, self.asked = ends, 0
        self.model = Served(lambda now: None, sleep=asyncio.sleep, clock=time.monotonic).model
        self.model.inner, self.model.slots = self, AdaptiveSlots(self.slots)

    async def acomplete(self, request: Request) -> Response:
        how, seconds = self.ends(self.asked)
        self.asked += 1
        await asyncio.sleep(seconds)
        if how:
            raise forbidden() if how is True else how
        return FINE

    async def call(self, number: int) -> Response:
        async with self.model.slots.taken((0, number)):
            return await self.model.acomplete(asking(f"prompt {number}"))

    def answered(self, calls: int) -> int:
        async def main() -> list[Any]:
            made = asyncio.gather(*(self.call(n) for n in range(calls)), return_exceptions=True)
            return await asyncio.wait_for(made, 20)

        return sum(ended is FINE for ended in asyncio.run(main()))


class TestGivingUp:
    def test_a_refusal_of_every_call_is_enough(self) -> None:
        served = Served(lambda now: RefusesAll("The quota is used up."))
        assert [str(served.ask()) for _ in range(5)] == ["The quota is used up."] * 5
        assert len(served.asked_at) == 1

    def test_calls_in_flight_are_all_that_is_spent_on_it(self) -> None:
        async def main() -> int:
            asked = 0

            class Refusing:
                async def acomplete(self, request: Request) -> Response:
                    nonlocal asked
                    asked += 1
                    await asyncio.sleep(0)
                    raise RefusesAll("The quota is used up.")

            served.model.inner = Refusing()

            async def call() -> None:
                async with served.model.slots.taken((0, 0)):
                    await served.model.acomplete(REQUEST)

            await asyncio.gather(*(call() for _ in range(50)), return_exceptions=True)
            return asked

        served = Served(lambda now: None)
        assert asyncio.run(main()) == 8

    def test_three_refusals_that_may_be_a_calls_own_give_up_a_model_that_has_not_answered(self) -> None:
        served = Served(lambda now: forbidden())
        assert all(isinstance(served.ask(asking(f"prompt {n}")), RefusesAll) for n in range(6))
        assert len(served.asked_at) == REFUSALS == 3

    @pytest.mark.parametrize("how", ["answered", "replayed"])
    def test_a_refusal_of_one_prompt_by_a_model_that_answers_others_is_a_filters(self, how: str) -> None:
        refusals = iter([None, *[RefusesAll("No.", certain=False, alone="It refused this one.")] * 2])
        served = Served(lambda now: next(refusals))
        assert served.ask() is None
        if how == "replayed":
            served.model._answered, served.model.replayed = False, lambda: True
        refused = served.ask(asking("flagged"))
        assert isinstance(refused, Filtered)
        assert str(refused) == "It refused this one."
        served.model._answered, served.model.replayed = False, lambda: False
        assert isinstance(served.ask(asking("flagged")), RefusesAll)

    def test_one_prompt_that_is_asked_again_and_again_is_one_refusal(self) -> None:
        served = Served(lambda now: forbidden())
        assert all(isinstance(served.ask(), RefusesAll) for _ in range(6))
        assert len(served.asked_at) == 6

    def test_once_a_model_has_answered_they_are_their_calls_own(self) -> None:
        refusals = iter([False, *[True] * (REFUSALS_AMONG_ANSWERS - 1), False, *[True] * 100])
        served = Served(lambda now: forbidden() if next(refusals) else None)
        ended = [served.ask(asking(f"prompt {n}")) is None for n in range(REFUSALS_AMONG_ANSWERS + 101)]
        assert [n for n, answered in enumerate(ended) if answered] == [0, REFUSALS_AMONG_ANSWERS]
        assert len(served.asked_at) == REFUSALS_AMONG_ANSWERS + 1 + REFUSALS_AMONG_ANSWERS

    @pytest.mark.parametrize("other", [Filtered("The filter of m."), EndpointError("Malformed.")])
    def test_a_server_that_looks_at_the_prompt_breaks_their_row(self, other: Exception) -> None:
        answers = iter([forbidden(), forbidden(), other, forbidden(), forbidden(), None])
        served = Served(lambda now: next(answers))
        assert [served.ask(asking(f"prompt {n}")) is None for n in range(6)] == [False] * 5 + [True]

    def test_a_few_that_come_faster_than_the_answers_in_flight_are_their_calls_own(self) -> None:
        crowd = Crowd(lambda n: (n in (0, 1, 2), 0.002 if n in (0, 1, 2) else 0.05))
        assert crowd.answered(60) == 57

    def test_a_prompt_that_is_sent_often_loses_its_own_calls_alone(self) -> None:
        crowd = Crowd(lambda n: (n % 3 == 0, 0.001 if n % 3 == 0 else 0.02))
        assert crowd.answered(60) == 40

    @given(st.integers(0, 10**6))
    @drawn(max_examples=10, deadline=None)
    def test_a_key_that_may_not_ask_is_given_up_two_calls_after_those_in_flight(self, seed: int) -> None:
        chance = random.Random(seed)
        crowd = Crowd(lambda n: (True, chance.uniform(0, 0.01)))
        assert crowd.answered(60) == 0
        assert crowd.asked <= crowd.slots + REFUSALS - 1

    def test_a_key_that_is_revoked_amid_a_run_is_given_up_too(self) -> None:
        crowd = Crowd(lambda n: (n > 20, 0.001))
        assert crowd.answered(200) == 21
        assert crowd.asked <= 21 + REFUSALS_AMONG_ANSWERS + crowd.slots

    def test_calls_that_wait_for_those_in_flight_go_one_by_one_where_no_server_was_reached(self) -> None:
        def ends(n: int) -> Exception | None:
            return forbidden() if n < 3 else away() if n < crowd.slots + 2 else None

        crowd = Crowd(lambda n: (ends(n), 0.001 if n < 3 else 0.02))
        assert crowd.answered(60) == 57

    def test_a_stop_ends_the_wait_for_those_in_flight(self) -> None:
        async def main() -> None:
            calls = [asyncio.ensure_future(crowd.call(n)) for n in range(60)]
            await asyncio.sleep(0.05)
            crowd.model.budget.stop()
            crowd.model.slots.stop()
            crowd.model.wake()
            ended, _ = await asyncio.wait(calls, timeout=0.5)
            assert len(ended) == 60 - (crowd.asked - 3)  # those in flight go on
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)

        crowd = Crowd(lambda n: (n < 3, 0.001 if n < 3 else 30))
        asyncio.run(main())
        assert crowd.asked <= crowd.slots + 2

    @pytest.mark.parametrize("failure", [Filtered("The filter of m."), EndpointError("Malformed.")])
    def test_what_concerns_one_call_never_does(self, failure: Exception) -> None:
        served = Served(lambda now: failure)
        for _ in range(5):
            assert served.ask() is failure
        assert len(served.asked_at) == 5

    @pytest.mark.parametrize("failure", [away(), RefusesAll("No such key.")], ids=["away", "refused"])
    def test_what_it_leaves_behind_does_not_grow_with_the_calls_that_are_lost(self, failure: Exception) -> None:
        served = Served(lambda now: failure, deadline=1.0)
        first, *_, last = [served.ask() for _ in range(50)]
        assert first is not None
        assert last is served.model.given_up
        assert len(list(traceback.walk_tb(last.__traceback__))) < 10

    def test_it_ends_the_pauses_of_others(self) -> None:
        async def main() -> list[Any]:
            answers = iter([TransientFailure("Busy.", retry_after=30), RefusesAll("The quota is used up.")])
            served = Served(lambda now: next(answers), sleep=asyncio.sleep)
            busy = asyncio.ensure_future(served.model.acomplete(REQUEST))
            await asyncio.sleep(0.01)
            refused = asyncio.ensure_future(served.model.acomplete(REQUEST))
            return await asyncio.wait_for(asyncio.gather(busy, refused, return_exceptions=True), 2)

        assert [str(error) for error in asyncio.run(main())] == ["The quota is used up."] * 2
