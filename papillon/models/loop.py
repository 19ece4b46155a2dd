"""ModelLoop: the one event loop that model calls run on, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import uvloop

from papillon.errors import InfrastructureError

__all__ = ["ModelLoop"]

T = TypeVar("T")


class _Inline(ThreadPoolExecutor):
    """The loop's default executor, but DSPy's own bookkeeping runs where it is asked for.

    DSPy hops to a thread four times a call, for steps of some ten microseconds. With hundreds of calls a second
    each hop waits for its turn at the interpreter, and the calls' slots stand empty meanwhile.
    """

    def submit(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> Any:
        asked = work.args[0] if isinstance(work, partial) and work.args else work
        if not getattr(asked, "__module__", "").startswith("dspy.clients."):
            return super().submit(work, *args, **kwargs)
        # The loop takes a future of its own as it is; one of threads would wake it through a socket.
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class ModelLoop:
    """An event loop in a daemon thread, reachable from every other thread."""

    def __init__(self) -> None:
        # libuv's loop: a tenth less CPU time for a call than asyncio's own, with 512 of them in flight.
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.loop.set_default_executor(_Inline())
        self._thread = threading.Thread(target=self._run, name="papillon-models", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop; its contextvars are the caller's."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end from another thread."""
        if threading.current_thread() is self._thread:
            work.close()
            raise InfrastructureError(
                "Expected a model to be awaited in aforward, but it was called there and would block every other call; "
                "write await model.acall(...), or forward alone."
            )
        return self.submit(work).result()

    def close(self) -> None:
        """Stop the loop, once what runs on it has ended."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        if not self._thread.is_alive():
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
