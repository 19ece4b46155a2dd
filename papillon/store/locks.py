"""KeyLocks: one caller per key at a time, over all threads, event loops and processes on one cache folder.

Between processes a key is one byte of the file ``locks``, locked by POSIX record locks: no two keys share a
lock, nothing is written, and the kernel frees what a dead process held. Such locks belong to the process, so
inside it a table of held keys excludes. What a caller does while it holds a key is left to others; the recipe
is get, acquire, get again, call, put, release.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from papillon.errors import StoreError
from papillon.store.holder import Holder

__all__ = ["KeyLocks"]

#: Seconds between two tries at a key that another process holds: the first and the longest; each grows.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.002, 0.05, 1.5

#: Seconds after which one who waits for a key of this process looks again, told or not.
LONG_PAUSE = 1.0

#: ``struct flock`` on 64-bit Linux: type, whence, start, length, process.
FLOCK = "hhqqi4x"

#: The one KeyLocks of this process for each real folder.
_shared: dict[str, KeyLocks] = {}


class KeyLocks:
    """The keys of one cache folder that this process holds; get it from :meth:`shared`.

    Descriptors of the file ``locks`` must not be opened and closed by anyone else in this process: closing
    one drops every lock that the process has on it. A forked child holds none of its parent's keys.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._descriptor: int | None = None
        self._start_over()

    @classmethod
    def shared(cls, folder: Path) -> KeyLocks:
        """The one object of this process for ``folder``; its file is opened when a key is first asked for."""
        real = os.path.realpath(folder)
        return _shared.setdefault(real, cls(Path(real)))

    def try_acquire(self, key: str) -> bool:
        """Takes ``key``, 64 hexadecimal digits, without waiting; False where anyone holds it.

        Raises StoreError where the folder allows no locks, or its file was deleted meanwhile.
        """
        offset = _offset(key)
        with self._guard:
            if offset in self._held:
                return False
            descriptor = self._opened()
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
                if not os.fstat(descriptor).st_nlink:
                    raise StoreError(
                        f"The file `locks` of the cache {self.folder} was deleted while it was in use: run "
                        "again, and leave the folder alone meanwhile."
                    )
            except (BlockingIOError, PermissionError):
                return False
            except OSError as error:
                raise StoreError(
                    f"The cache {self.folder} is on a file system without locks ({error}): use a folder on a "
                    "local disk with --eval-cache."
                ) from error
            self._held[offset] = []
            return True

    def release(self, key: str) -> None:
        """Gives ``key`` back, and wakes those of this process who wait; RuntimeError where it is not held."""
        offset = _offset(key)
        with self._guard:
            if offset not in self._held or self._descriptor is None:
                raise RuntimeError(f"the key {key} is released, but this process does not hold it")
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, offset)
            waiting = self._held.pop(offset)
        for wake in waiting:
            wake()

    async def acquire(self, key: str, *, timeout: float | None = None, call: str = "The call") -> None:
        """Takes ``key`` as soon as it is free, without blocking the event loop.

        After ``timeout`` seconds of waiting for other processes it gives up with a StoreError that names the key
        and the process that holds it; one of this process ends by itself. ``call`` stands before the key there.
        A caller that is cancelled while it waits holds nothing.
        """
        loop = asyncio.get_running_loop()
        for pause, left in self._waits(key, timeout, call):
            freed = loop.create_future()

            def wake(freed: asyncio.Future[None] = freed) -> None:
                with contextlib.suppress(RuntimeError):  # its loop may be closed by now
                    loop.call_soon_threadsafe(_finish, freed)

            await asyncio.wait([freed], timeout=self._tell(key, wake, pause, left))

    def holder(self, key: str) -> int | None:
        """The id of the process that holds ``key``; None where none does or it cannot be told, 0 for a foreign one."""
        offset = _offset(key)
        with self._guard:
            if offset in self._held:
                return os.getpid()
            if sys.platform != "linux":
                return None
            asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
            kind, _, _, _, process = struct.unpack(FLOCK, fcntl.fcntl(self._opened(), fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else process

    def _waits(self, key: str, timeout: float | None, call: str) -> Iterator[tuple[float, float]]:
        """Tries, and yields the seconds to the next try and to the deadline; ends when the key is held."""
        elsewhere: float | None = None
        pause = FIRST_PAUSE
        while not self.try_acquire(key):
            now, left = time.monotonic(), LONG_PAUSE
            if _offset(key) in self._held:
                elsewhere = None
            elif elsewhere is None:
                elsewhere = now
            if timeout is not None and elsewhere is not None and (left := elsewhere + timeout - now) <= 0:
                raise StoreError(
                    f"{call} {key[:12]} is being made by {Holder.of(self.holder(key))}, and was not recorded within "
                    f"{timeout:g} s: let that process go on, or end it, and run again."
                )
            yield pause, left
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _tell(self, key: str, wake: Callable[[], None], pause: float, left: float) -> float:
        """Has ``wake`` called when this process releases ``key``; how many seconds to wait for that."""
        with self._guard:
            waiting = self._held.get(_offset(key))
            if waiting is not None:
                waiting.append(wake)
                pause = LONG_PAUSE
        return min(pause, left)

    def _opened(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                self._descriptor = os.open(self.folder / "locks", flags, 0o600)
            except OSError as error:
                raise StoreError(
                    f"The cache {self.folder} has no file `locks` that can be written ({error}): make the "
                    "folder writable, or use another with --eval-cache."
                ) from error
        return self._descriptor

    def _start_over(self) -> None:
        """Holds nothing; a forked child begins like this, on the descriptor of its parent."""
        self._guard = threading.Lock()
        self._held: dict[int, list[Callable[[], None]]] = {}


def _offset(key: str) -> int:
    """The byte that stands for ``key``: its first 62 bits, which any file system's offsets can hold."""
    return int(key[:16], 16) >> 2


def _finish(freed: asyncio.Future[None]) -> None:
    if not freed.done():
        freed.set_result(None)


def _hold_nothing() -> None:
    for locks in _shared.values():
        locks._start_over()


os.register_at_fork(after_in_child=_hold_nothing)
