"""Patience: what a lock of another process keeps from being done is tried again, for a time that has an end.

The tries lie here and not in SQLite, whose own wait no Ctrl-C and no other thread can end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from papillon.store.failures import Locked, translated
from papillon.store.holder import Holder

__all__ = ["PATIENCE", "patiently"]

T = TypeVar("T")

#: Seconds for which a lock of another process is waited for.
PATIENCE = 30.0

#: Seconds between two tries: the first and the longest; each is twice the one before.
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02


def patiently(folder: Path, do: Callable[[], T], patience: Callable[[], float] = lambda: PATIENCE) -> T:
    """What ``do`` gives, which is tried again where another process keeps the database of ``folder`` locked.

    ``patience`` says, also while it waits, for how many seconds at most; then it raises Locked, which names who keeps
    the database. Other errors of SQLite and the file system become StoreErrors.
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            with translated(folder):
                return do()
        except Locked as error:
            if (waited := time.monotonic() - began) >= patience():
                raise Locked(
                    f"{Holder.of_database(folder / 'cache.db')} has kept the cache {folder} locked for {waited:.0f} s: "
                    "end that process, or use another folder with --eval-cache, and run again."
                ) from error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
