"""Stopped workers: a process that a signal stopped answers nothing, and a run that waits looks dead; it is named."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["StoppedWorkers", "children", "go_on"]


class StoppedWorkers:
    """Which workers have been stopped for a while; each :meth:`look` tells the new ones among them."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._told: set[int] = set()

    def look(self, workers: Mapping[int, str]) -> list[str]:
        """A sentence for each of the processes, given with their names, that was stopped at the last look too; once for
        each time that it is stopped."""
        stopped = {process for process in workers if _stopped(process)}
        new = sorted((stopped & self._seen) - self._told)
        self._seen, self._told = stopped, (self._told & stopped) | {*new}
        return [
            f"{workers[process]} (process {process}) is stopped, and this run waits for it: "
            f"kill -CONT {process} lets it go on."
            for process in new
        ]


def go_on(processes: Iterable[int]) -> None:
    """Let those that were stopped go on, as who is to end must."""
    for process in processes:
        if _stopped(process):
            with suppress(OSError):
                os.kill(process, signal.SIGCONT)


def children() -> list[int]:
    """The processes that this one started; none where the system has no /proc to tell them."""
    found: list[int] = []
    for each in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, each.read_text().split())
    return found


def _stopped(process: int) -> bool:
    """Whether a signal or a debugger holds the process; False where the system has no /proc to tell it."""
    with suppress(OSError):
        # The name before it, in parentheses, may hold anything.
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"T", b"t")
    return False
