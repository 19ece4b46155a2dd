"""Slots: how many are in flight, and who goes next."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon.errors import RunStopped
from papillon.models.slots import AdaptiveSlots, Slots


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(1, 5), priorities=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30))
def test_never_more_in_flight_than_the_limit_and_all_are_served(limit: int, priorities: list[tuple[int, int]]) -> None:
    most = served = 0

    async def call(slots: Slots, priority: tuple[int, int]) -> None:
        nonlocal most, served
        async with slots.taken(priority):
            most = max(most, slots.in_use)
            await asyncio.sleep(0)
            served += 1

    async def main() -> None:
        slots = Slots(limit)
        await asyncio.gather(*(call(slots, p) for p in priorities))
        assert slots.in_use == 0

    asyncio.run(main())
    assert most <= limit
    assert served == len(priorities)


def test_those_that_wait_are_served_by_priority_then_by_arrival() -> None:
    order: list[str] = []
    waiting = {"late": (3, 0), "early": (0, 5), "earliest": (0, 1), "also late": (3, 0)}

    async def call(slots: Slots, name: str) -> None:
        async with slots.taken(waiting[name]):
            order.append(name)
            await asyncio.sleep(0)

    async def main() -> None:
        slots = Slots(1)
        async with asyncio.TaskGroup() as group, slots.taken((9, 9)):
            for name in waiting:
                group.create_task(call(slots, name))
            await asyncio.sleep(0)

    asyncio.run(main())
    assert order == ["earliest", "early", "late", "also late"]


def test_a_stop_lets_those_in_flight_end_and_no_other_in() -> None:
    async def main() -> None:
        slots = Slots(1)
        async with slots.taken((0, 0)):
            waiting = asyncio.ensure_future(_hold(slots))
            await asyncio.sleep(0)
            slots.stop()
            with pytest.raises(RunStopped, match="stopped before this call had its turn"):
                await waiting
        with pytest.raises(RunStopped):
            await _hold(slots)

    asyncio.run(main())


def test_a_cancelled_wait_loses_no_slot() -> None:
    async def main() -> None:
        slots = Slots(1)
        async with slots.taken((0, 0)):
            waiting = asyncio.ensure_future(_hold(slots))
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.wait_for(_hold(slots), 1)
        assert slots.in_use == 0

    asyncio.run(main())


def test_throttling_cuts_once_for_calls_that_were_in_flight_together_and_recovers() -> None:
    async def main() -> None:
        slots = AdaptiveSlots(10)
        async with asyncio.TaskGroup() as group:
            held = asyncio.Event()
            for _ in range(10):
                group.create_task(_hold(slots, held))
            await asyncio.sleep(0)
            slots.throttled()
            slots.throttled()
            assert slots.limit == pytest.approx(7.0)
            held.set()
        for _ in range(100):
            slots.succeeded()
        assert slots.limit == 10

    asyncio.run(main())


async def _hold(slots: Slots, until: asyncio.Event | None = None) -> None:
    async with slots.taken((0, 0)):
        if until is not None:
            await until.wait()
