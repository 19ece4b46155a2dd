"""Answers: the same asked of a model about every query, many at once; the first failure ends it, and none is lost.

What was answered by then is recorded, so that the same command asks only for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dspy.utils.exceptions import LMError

from papillon.errors import PapillonError, behind
from papillon.models.roles import Models
from papillon.screen import visible

__all__ = ["all_answers"]

T = TypeVar("T")


def all_answers(
    models: Models, ask: Callable[[str], Awaitable[T]], queries: Sequence[str], told: Callable[[int], None]
) -> list[T]:
    """What ``ask`` gives for each query, in their order; ``told`` hears how many have their answers.

    Raises PapillonError, in one sentence, where a model fails; calls in flight are recorded first.
    """
    answered = 0

    async def one(query: str) -> T:
        nonlocal answered
        found = await ask(query)
        answered += 1
        told(answered)
        return found

    async def every() -> list[T]:
        tasks = [asyncio.create_task(one(query)) for query in queries]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failure = next((error for task in done if (error := task.exception()) is not None), None)
        if failure is not None:
            models.stop()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise failure
        return [task.result() for task in tasks]

    try:
        found: list[T] = models.loop.run(every())
    except LMError as error:
        said = " ".join(visible(str(behind(error) or error), one_line=True).split())[:400]
        raise PapillonError(f"{answered} of {len(queries)} queries were answered and recorded, then: {said}") from error
    return found
