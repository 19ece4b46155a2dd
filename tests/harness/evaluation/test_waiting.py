"""Work that waits for a server is done once more after all other work, each time that somebody says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evals.harness.evaluation.waiting import each_once_more


class Work:
    """Gives each item its tries; an item is ready after as many as its number, and waits before."""

    def __init__(self, again: int) -> None:
        self.log: list[int] = []
        self.tries: dict[int, int] = {}
        self.again, self.ended = again, 0

    async def do(self, place: int, needs: int) -> tuple[int, bool]:
        self.log.append(place)
        self.tries[place] = self.tries.get(place, 0) + 1
        await asyncio.sleep(0)
        return place, self.tries[place] >= needs

    async def once_more(self) -> bool:
        self.again -= 1
        return self.again >= 0

    def done(self) -> None:
        self.ended += 1

    def through(self, items: Sequence[int]) -> list[tuple[int, bool]]:
        waits = lambda result: not result[1]  # noqa: E731
        return asyncio.run(each_once_more(self.do, items, waits, self.once_more, self.done))


def test_what_waits_is_done_again_after_the_others() -> None:
    work = Work(again=5)
    assert work.through([2, 1, 1]) == [(0, True), (1, True), (2, True)]
    assert work.log == [0, 1, 2, 0]


def test_what_still_waits_when_nobody_says_so_keeps_what_it_has() -> None:
    work = Work(again=1)
    assert work.through([3, 1]) == [(0, False), (1, True)]
    assert work.tries == {0: 2, 1: 1}


def test_nobody_is_asked_where_nothing_waits() -> None:
    work = Work(again=1)
    work.through([1, 1])
    assert work.again == 1


@given(st.lists(st.integers(1, 4), max_size=6), st.integers(0, 4))
def test_each_item_ends_once_in_its_place_and_is_done_no_more_than_it_needs(items: list[int], again: int) -> None:
    work = Work(again)
    results = work.through(items)
    assert [place for place, _ in results] == list(range(len(items)))
    assert work.ended == len(items)
    assert [work.tries[place] for place in range(len(items))] == [min(needs, again + 1) for needs in items]
