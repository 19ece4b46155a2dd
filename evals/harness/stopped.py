"""Stopped workers: a process that a signal stopped answers nothing, and a run that waits looks dead; it is named."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["StoppedWorkers"]


class StoppedWorkers:
    """The workers' processes, by name; each :meth:`look` tells which have been stopped since the one before it."""

    def __init__(self) -> None:
        self.processes: dict[str, int] = {}
        self._seen: set[str] = set()
        self._told: set[str] = set()

    def look(self) -> list[str]:
        """A sentence for each worker that was stopped at the last look too, once for each time that it is stopped."""
        stopped = {name for name, process in [*self.processes.items()] if _stopped(process)}
        new = sorted((stopped & self._seen) - self._told)
        self._seen, self._told = stopped, (self._told & stopped) | {*new}
        return [
            f"Worker {name} (process {self.processes[name]}) is stopped, and this run waits for it: "
            f"kill -CONT {self.processes[name]} lets it go on."
            for name in new
        ]


def _stopped(process: int) -> bool:
    """Whether a signal or a debugger holds the process; False where the system has no /proc to tell it."""
    with suppress(OSError):
        # The name before it, in parentheses, may hold anything.
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"T", b"t")
    return False
