"""Keeper: the store as the tasks of one event loop use it: nothing that they ask of it keeps the loop waiting.

What writes, or waits for another process, is done in a thread of its own. Records that come at about the same time are
kept in one transaction: with hundreds of calls under way a transaction each would be most of the cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from papillon.errors import StoreError
from papillon.store.database import DATABASE
from papillon.store.failures import Locked
from papillon.store.holder import Holder
from papillon.store.patience import PATIENCE
from papillon.store.records import Record
from papillon.store.store import Store

__all__ = ["Keeper"]

T = TypeVar("T")

#: Once the run is stopped, a record waits for other processes for so many seconds: as long as their writing may take.
GRACE = 0.5

#: After so many seconds of waiting for another process it is named to the user.
NAMED_AFTER = 3.0


class Keeper:
    """Keeps records for the tasks of one loop; with ``replace`` also in the place of those that are there.

    A store that once would not take a record is asked for no other call: ``failure`` says why, ``failed`` is told of
    it, and ``unkept`` holds the records that it did not take, by key, which are given like those that it has.
    ``stopped`` says whether the run was, and waits are to end. ``say`` hears of a wait for another process, once.
    """

    def __init__(
        self,
        store: Store,
        *,
        replace: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        failed: Callable[[StoreError], None] = lambda failure: None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.store, self.replace = store, replace
        self.failure: StoreError | None = None
        self.unkept: dict[str, Record] = {}
        self._stopped, self._failed, self._say = stopped, failed, say
        self._thread = ThreadPoolExecutor(1, "papillon-store")
        self._opening: asyncio.Future[None] | None = None
        self._waiting: list[tuple[Record, asyncio.Future[Exception | None]]] = []
        self._keeping = self._impatient = self._named = False
        store.patience = self._patience

    async def get(self, key: str) -> Record | None:
        """The record of a call's key, None where there is none and a new one could be kept.

        Raises StoreError as :meth:`Store.get` does, and ``failure`` in the place of every None.
        """
        record = self.unkept.get(key)
        if record is None:
            try:
                record = self.store.find(key)
            except Locked:
                record = await self._apart(partial(self.store.get, key))
        if record is None:
            await self.ready()
        return record

    async def ready(self) -> None:
        """Returns where a record could be kept at this moment, as far as can be told; raises ``failure`` elsewhere."""
        self.refuse()
        try:
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._apart(self.store.make_ready))
            if not self._opening.done():
                await asyncio.shield(self._opening)
            self._opening.result()
            self.store.require_in_place()
        except StoreError as error:
            self._fail(error)
            self.refuse()

    def refuse(self) -> None:
        """Raises ``failure`` where there is one."""
        if self.failure is not None:
            raise self.failure.with_traceback(None) from None

    async def put(self, record: Record) -> bool:
        """Keep ``record``, for good when this returns; also where the caller is cancelled meanwhile.

        False where the store does not take it: it is among the ``unkept`` then.
        """
        loop = asyncio.get_running_loop()
        if not self._keeping:
            self._keeping = True
            loop.call_soon(self._keep)  # after the tasks that are ready now, which may bring more
        kept: asyncio.Future[Exception | None] = loop.create_future()
        self._waiting.append((record, kept))
        error = await kept
        if error is None:
            return True
        if not isinstance(error, StoreError):
            raise error
        return False

    async def close(self) -> None:
        """Close the store, which its thread has open as well."""
        try:
            await self._apart(self.store.close)
        finally:
            self._thread.shutdown(wait=False)

    def _keep(self) -> None:
        waiting, self._waiting = self._waiting, []
        written = self._submit(partial(self._written, [record for record, _ in waiting]))
        written.add_done_callback(partial(self._tell, waiting))

    def _tell(
        self,
        waiting: list[tuple[Record, asyncio.Future[Exception | None]]],
        written: asyncio.Future[list[Exception | None]],
    ) -> None:
        for (record, kept), error in zip(waiting, written.result(), strict=True):
            if isinstance(error, StoreError):
                self.unkept[record.key] = record
                self._fail(error)
            if not kept.done():  # else its task was cancelled
                kept.set_result(error)
        self._keeping = bool(self._waiting)
        if self._keeping:
            self._keep()

    def _written(self, records: list[Record]) -> list[Exception | None]:
        """What each record failed with; in the thread."""
        try:
            self._patiently(partial(self.store.put_all, records, replace=self.replace))
        except Locked as error:
            return [error] * len(records)
        except Exception:
            return [self._failure(record) for record in records]  # each is told of its own alone
        return [None] * len(records)

    def _failure(self, record: Record) -> Exception | None:
        try:
            self.store.put(record, replace=self.replace)
        except Exception as error:
            return error
        return None

    async def _apart(self, do: Callable[[], T]) -> T:
        """What ``do`` gives, done in the thread."""
        try:
            return await self._submit(partial(self._patiently, do))
        except Locked as error:
            self._fail(error)
            raise

    def _submit(self, do: Callable[[], T]) -> asyncio.Future[T]:
        done = asyncio.wrap_future(self._thread.submit(do))
        long = asyncio.get_running_loop().call_later(NAMED_AFTER, self._name_holder)
        done.add_done_callback(lambda _: long.cancel())
        return done

    def _name_holder(self) -> None:
        holder = Holder.of_database(self.store.folder / DATABASE)
        if holder.process is not None and not self._named:  # else it is only slow
            self._named = True
            self._say(f"The cache {self.store.folder} is locked by {holder}; it is waited for, {PATIENCE:g} s at most.")

    def _patiently(self, do: Callable[[], T]) -> T:
        """What ``do`` gives, in the thread; a lock that outlasts its patience is waited for by nothing else."""
        try:
            return do()
        except Locked:
            self._impatient = True
            raise

    def _patience(self) -> float:
        if self._impatient:
            return 0.0
        return GRACE if self._stopped() else PATIENCE

    def _fail(self, error: StoreError) -> None:
        if self.failure is None:
            self.failure = error
            self._failed(error)
