"""Batches: requests that wait in a queue at the same time, as those that can be answered together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from queue import Empty, Queue
from typing import TypeVar

__all__ = ["batches"]

T = TypeVar("T")

#: Seconds to wait for one request more: those of one round come together, and a batch saved is worth it.
PAUSE = 0.02


def batches(queue: Queue[T | None], most: int, kind: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Batches of at most ``most`` requests that are of one kind, in the order they came, until None comes."""
    while (first := queue.get()) is not None:
        together = [first]
        while len(together) < most:
            try:
                more = queue.get(timeout=PAUSE)
            except Empty:
                break
            if more is None:
                queue.put(None)
                break
            together.append(more)
        alike: dict[Hashable, list[T]] = {}
        for request in together:
            alike.setdefault(kind(request), []).append(request)
        yield from alike.values()
