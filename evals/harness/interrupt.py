"""Interrupt: what a second Ctrl-C does, while a run that was stopped waits for its last calls."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["SecondInterrupt"]

#: pytest's exit code for a session that was interrupted.
INTERRUPTED = 2


class SecondInterrupt:
    """From :meth:`await_` to :meth:`forget` a Ctrl-C ends the process at once, after ``last_words`` was called.

    The process takes its locks with it: the kernel frees them.
    """

    def __init__(self, last_words: Callable[[], None]) -> None:
        self._last_words = last_words
        self._before: Any = None

    def await_(self) -> None:
        """Take over Ctrl-C; without effect in a thread other than the main one."""
        if self._before is None and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._end)

    def forget(self) -> None:
        """Give Ctrl-C back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _end(self, number: int, frame: FrameType | None) -> None:
        try:
            self._last_words()
        finally:
            os._exit(INTERRUPTED)
