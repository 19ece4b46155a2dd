"""The budget is reserved before it is spent, so that no number of calls side by side overshoots it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.errors import BudgetSpent, RunStopped
from papillon.models.budget import Budget


@settings(max_examples=40, deadline=None)
@given(cap=st.integers(1, 20), asked=st.integers(1, 60))
def test_calls_never_exceed_their_cap_and_use_all_of_it(cap: int, asked: int) -> None:
    made = 0

    async def call(budget: Budget) -> None:
        nonlocal made
        try:
            reservation = await budget.reserve(0.0)
        except BudgetSpent:
            return
        made += 1
        await asyncio.sleep(0)
        budget.settle(reservation, 0.0)

    async def main() -> None:
        budget = Budget(max_calls=cap)
        await asyncio.gather(*(call(budget) for _ in range(asked)))

    asyncio.run(main())
    assert made == min(cap, asked)


@settings(max_examples=40, deadline=None)
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_cost_never_exceeds_its_cap(shares: list[float]) -> None:
    refused = 0

    async def call(budget: Budget, share: float) -> None:
        nonlocal refused
        try:
            reservation = await budget.reserve(1.0)
        except BudgetSpent:
            refused += 1
            return
        await asyncio.sleep(0)
        budget.settle(reservation, share)
        assert budget.cost <= 3.0 + 1e-9

    async def main() -> None:
        budget = Budget(max_cost=3.0)
        await asyncio.gather(*(call(budget, share) for share in shares))
        # Waiting gave every call its chance: it stopped only where the next might not have fitted.
        assert bool(refused) == (budget.cost + 1.0 > 3.0 * (1 + 1e-12) and budget.calls < len(shares))

    asyncio.run(main())


def test_the_refusal_says_which_cap_and_what_to_do() -> None:
    async def main() -> None:
        budget = Budget(max_calls=1)
        budget.settle(await budget.reserve(0), 0)
        with pytest.raises(BudgetSpent, match=r"cap of 1 calls \(--eval-max-calls\) is reached: raise it"):
            await budget.reserve(0)
        with pytest.raises(BudgetSpent, match=r"cap of 0.5 USD \(--eval-max-cost\) leaves no room: 0 USD are spent"):
            await Budget(max_cost=0.5).reserve(1.0)

    asyncio.run(main())


def test_a_call_that_was_not_made_gives_its_room_back_to_one_that_waits() -> None:
    async def main() -> None:
        budget = Budget(max_calls=1)
        first = await budget.reserve(0)
        second = asyncio.ensure_future(budget.reserve(0))
        await asyncio.sleep(0)
        budget.settle(first, 0, made=False)
        budget.settle(await second, 0)
        assert budget.calls == 1
        with pytest.raises(BudgetSpent):
            await budget.reserve(0)

    asyncio.run(main())


def test_a_stop_ends_the_wait_for_room() -> None:
    async def main() -> None:
        budget = Budget(max_cost=1.0)
        await budget.reserve(1.0)
        waiting = asyncio.ensure_future(budget.reserve(1.0))
        await asyncio.sleep(0)
        budget.stop()
        with pytest.raises(RunStopped, match="stopped before this call was made"):
            await asyncio.wait_for(waiting, 1)

    asyncio.run(main())
