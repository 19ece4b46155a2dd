"""Which processes run, and what a run has started: vLLM's are in groups of their own, under other names."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["Started", "running", "runs", "until"]


def _processes() -> dict[int, tuple[int, int, str]]:
    """Of each process that is not dead: its parent, its group and its words."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent, group = (place / "stat").read_text().rpartition(")")[2].split()[:3]
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if state not in "ZX":
                found[int(place.name)] = (int(parent), int(group), words)
    return found


def runs(pid: int) -> bool:
    """Whether there is such a process that is not dead."""
    return pid in _processes()


def running(words: str) -> list[str]:
    """The commands in which those words stand."""
    return [command for _, _, command in _processes().values() if words in command]


class Started:
    """The groups of the processes that one process has started, and those have, as far as it was looked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.groups: set[int] = set()

    def has(self, words: str) -> int | None:
        """One of them in whose command those words stand."""
        processes = _processes()
        below, before = {self.pid}, 0
        while len(below) > before:
            before = len(below)
            below |= {pid for pid, (parent, _, _) in processes.items() if parent in below}
        below -= {self.pid}
        self.groups |= {processes[pid][1] for pid in below}
        return next((pid for pid in below if words in processes[pid][2]), None)

    def left(self) -> list[str]:
        """The commands of those that still run."""
        return [words for _, group, words in _processes().values() if group in self.groups]

    def ended(self, seconds: float) -> bool:
        """Whether none of them runs any more within so many seconds."""
        return until(lambda: not self.left(), seconds)


def until(seen: Callable[[], object], seconds: float) -> bool:
    """Whether something is seen within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := seen()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return bool(found)
