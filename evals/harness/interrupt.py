"""Interrupt: the first Ctrl-C stops new calls and waits for those in flight, the second waits for nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["Interrupts"]

#: pytest's exit code for a session that was interrupted.
INTERRUPTED = 2


class Interrupts:
    """Counts Ctrl-C while a run is under way: ``first_words`` is called at the first; the second ends the process.

    ``last_words`` is called before that.

    The process takes its locks with it: the kernel frees them.
    """

    def __init__(self, first_words: Callable[[], None], last_words: Callable[[], None]) -> None:
        self._first_words, self._last_words = first_words, last_words
        self._watching = self._stopping = False

    def watch(self) -> None:
        """Begin to count; without effect outside the main thread, or where Ctrl-C is already somebody else's."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupted)
            self._watching = True

    def stopping(self) -> None:
        """New calls are stopped without a Ctrl-C: the next one is for those in flight."""
        self._stopping = True

    def stopped(self) -> None:
        """No call is in flight any more: Ctrl-C interrupts what is left to do, as anywhere in Python."""
        self._stopping = False

    def forget(self) -> None:
        """Give Ctrl-C back."""
        if self._watching:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._watching = False

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            self._first_words()
            signal.default_int_handler(number, frame)
        try:
            self._last_words()
        finally:
            os._exit(INTERRUPTED)
