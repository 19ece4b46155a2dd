"""Waiting: work that met a server which could not be reached is done once more when all other work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from evals.harness.evaluation.barrier import OnceMore

__all__ = ["each_once_more"]

Item = TypeVar("Item")
Result = TypeVar("Result")


async def each_once_more(
    do: Callable[[int, Item], Awaitable[Result]],
    items: Iterable[Item],
    waits: Callable[[Result], bool],
    once_more: OnceMore,
    done: Callable[[], None] = lambda: None,
) -> list[Result]:
    """What ``do`` gives for each item and its place, all at once, in order.

    Those whose result ``waits`` are done again after the others, each time that ``once_more`` says so; ``done``
    is called after each item's last time.
    """
    listed = list(items)

    async def one(place: int) -> Result:
        result = await do(place, listed[place])
        if not waits(result):
            done()
        return result

    results = await asyncio.gather(*map(one, range(len(listed))))
    while (waiting := [place for place, result in enumerate(results) if waits(result)]) and await once_more():
        later = await asyncio.gather(*map(one, waiting))
        for place, result in zip(waiting, later, strict=True):
            results[place] = result
    for _ in waiting:
        done()
    return results
