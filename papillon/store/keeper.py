"""Keeper: what the tasks of one event loop hand in at about the same time is kept in one transaction.

With hundreds of calls under way, answers come many at a time, and a transaction each would be most of the cost.
"""

from __future__ import annotations

import asyncio

from papillon.store.records import Record
from papillon.store.store import Store

__all__ = ["Keeper"]


class Keeper:
    """Keeps records for the tasks of one loop; with ``replace`` also in the place of those that are there."""

    def __init__(self, store: Store, *, replace: bool = False) -> None:
        self.store, self.replace = store, replace
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []

    async def put(self, record: Record) -> None:
        """Keep ``record``, for good when this returns; also where the caller is cancelled meanwhile.

        Raises StoreError as :meth:`Store.put` does, for this record alone.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._keep)  # after the tasks that are ready now, which may bring more
        kept: asyncio.Future[None] = loop.create_future()
        self._waiting.append((record, kept))
        await kept

    def _keep(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self.store.put_all((record for record, _ in waiting), replace=self.replace)
            failures: list[Exception | None] = [None] * len(waiting)
        except Exception:
            failures = [self._failure(record) for record, _ in waiting]  # each is told of its own alone
        for (_, kept), failure in zip(waiting, failures, strict=True):
            if kept.done():  # its task was cancelled
                continue
            if failure is None:
                kept.set_result(None)
            else:
                kept.set_exception(failure)

    def _failure(self, record: Record) -> Exception | None:
        try:
            self.store.put(record, replace=self.replace)
        except Exception as error:
            return error
        return None
