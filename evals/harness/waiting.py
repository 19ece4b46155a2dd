"""Waiting: work that met a server which could not be reached is done once more when all other work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["each_once_more"]

Item = TypeVar("Item")
Result = TypeVar("Result")


async def each_once_more(
    do: Callable[[int, Item], Awaitable[Result]],
    items: Iterable[Item],
    waits: Callable[[Result], bool],
    once_more: Callable[[], None],
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """What ``do`` gives for each item and its place, all at once, in order.

    Those whose result ``waits`` are done a second and last time, and ``once_more`` is called before that; ``done``
    after each item's last time.
    """
    listed = list(enumerate(items))

    async def one(place: int, item: Item, *, last: bool = False) -> Result:
        result = await do(place, item)
        if last or not waits(result):
            done()
        return result

    results = await asyncio.gather(*(one(place, item) for place, item in listed))
    waiting = [(place, item) for place, item in listed if waits(results[place])]
    if waiting:
        once_more()
        later = await asyncio.gather(*(one(place, item, last=True) for place, item in waiting))
        for (place, _), result in zip(waiting, later, strict=True):
            results[place] = result
    return results
