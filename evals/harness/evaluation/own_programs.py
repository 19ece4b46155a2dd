"""Own programs: classes of the user's own as they are evaluated; what one does wrong costs its own example alone.

One that blocks runs in a thread, so that the loop goes on. What it prints, logs or warns of may be a row's text, and
so may the text of what it raises: none of it is shown.
"""

from __future__ import annotations

import asyncio
import builtins
import copy
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError

from evals.harness.evaluation.scoring import ProgramRaised
from papillon.errors import behind
from papillon.program_class import ProgramClass, awaited

__all__ = ["OwnProgram", "Threads", "unheard"]

T = TypeVar("T")

#: Set in the context of a program of the user's own, also in the thread that it runs in.
_within: ContextVar[bool] = ContextVar("papillon_own_program", default=False)


class Threads:
    """Runs what blocks, ``most`` at a time, in threads that keep no process from ending."""

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` gives or raises, in the context of whoever awaits it."""
        async with self._room:
            loop, context = asyncio.get_running_loop(), copy_context()
            done: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()

            def finish(result: T | None, error: BaseException | None) -> None:
                if not done.done():
                    done.set_result((result, error))

            def go() -> None:
                result, error = None, None
                try:
                    result = context.run(work)
                except BaseException as raised:
                    error = raised
                with suppress(RuntimeError):  # nobody waits any more: the loop is closed
                    loop.call_soon_threadsafe(finish, result, error)

            threading.Thread(target=go, name="papillon-program", daemon=True).start()
            result, error = await done
            if error is not None:
                raise error
            return result  # type: ignore[return-value]


class OwnProgram:
    """A program of a user's class with its local model, in one trial."""

    def __init__(self, named: ProgramClass, program: dspy.Module, lm: dspy.LM, threads: Threads) -> None:
        self.named, self.program, self.lm, self.threads = named, program, lm, threads

    async def acall(self, *, user_query: str) -> Any:
        """Its answer, whatever that is.

        Raises what a model failed with as it is, and for whatever else leaves the program ProgramRaised.
        """
        mark = _within.set(True)
        try:
            # One object serves many rows at a time: what a row leaves on it is not for the next to find.
            program = copy.copy(self.program)
            # Predictors that are made on the way find their model too.
            with dspy.context(lm=self.lm):
                if awaited(type(program)):
                    return await program.acall(user_query=user_query)
                return await self.threads.run(partial(program, user_query=user_query))
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._raised(error) from None
        except BaseException as error:
            if isinstance(error, (AdapterParseError, LMError)) or behind(error) is not None:
                raise
            raise self._raised(error) from None
        finally:
            _within.reset(mark)

    def _raised(self, error: BaseException) -> ProgramRaised:
        if isinstance(error.__cause__, StopIteration):
            error = error.__cause__  # Python makes another of it where it leaves a coroutine
        return ProgramRaised(f"The program raised {type(error).__name__} ({self.named.place(error)}).")


@contextmanager
def unheard() -> Iterator[None]:
    """Inside, nothing that a program of the user's own prints, logs or warns of gets anywhere."""
    printed, handled, warned = builtins.print, logging.Logger.handle, warnings.warn

    def prints(*words: Any, **how: Any) -> None:
        if not _within.get() or how.get("file") not in (None, sys.stdout, sys.stderr):
            printed(*words, **how)

    def handles(logger: logging.Logger, record: logging.LogRecord) -> None:
        if not _within.get():
            handled(logger, record)

    def warns(message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **more: Any) -> None:
        if not _within.get():
            warned(message, category, stacklevel + 1, source, **more)

    with (
        patch.object(builtins, "print", prints),
        patch.object(logging.Logger, "handle", handles),
        patch.object(warnings, "warn", warns),
    ):
        yield
