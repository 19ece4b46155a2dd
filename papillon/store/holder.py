"""Holder: the process that holds a key or the database, as far as the system says who it is.

Of its command only the program is named: arguments may hold private text, as those of ``papillon ask`` do.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

__all__ = ["Holder"]

#: An option of Python that has no value.
_FLAG = re.compile("-[bBdEiIOPqsSuvx]+")

#: The byte of the journal's index that is locked by whoever writes (SQLite's WAL format, "WAL locks").
_WRITING = "120"


@dataclass(frozen=True)
class Holder:
    """A process by its id; its ``program``, when it ``started`` (seconds since 1970), and whether it is ``stopped``.

    What the system does not say is None; so is the id of a process that cannot be seen from here.
    """

    process: int | None
    program: str | None = None
    started: float | None = None
    stopped: bool = False

    @classmethod
    def of(cls, process: int | None) -> Holder:
        """What Linux tells about a process; elsewhere its id alone."""
        if not process or process < 0:  # another container's has no number in this one
            return cls(None)
        folder = Path("/proc", str(process))
        try:
            state, *numbers = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            ticks = int(numbers[18]) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return cls(process)
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return cls(process, _program(words), booted + ticks, state == "T")

    @classmethod
    def of_database(cls, database: Path) -> Holder:
        """Another process that writes in an SQLite database or keeps it for itself, by the kernel; else an unknown one.

        It is read from Linux's table of locks: to open one of the files here and close it would drop SQLite's locks.
        """
        try:
            lines = Path("/proc/locks").read_text().splitlines()
            index, whole = (os.stat(path).st_ino for path in (f"{database}-shm", database))
        except OSError:
            return cls(None)
        for line in lines:
            _, _, _, kind, process, place, first, *_ = line.replace("-> ", "").split()
            inode = int(place.rpartition(":")[2])
            locks = kind == "WRITE" and ((inode, first) == (index, _WRITING) or inode == whole)
            if locks and int(process) != os.getpid():
                return cls.of(int(process))
        return cls(None)

    def __str__(self) -> str:
        if self.process is None:
            return "a process that cannot be seen from here"
        said = [self.program] if self.program else []
        if self.started is not None:
            said.append(f"started {time.strftime('%H:%M:%S', time.localtime(self.started))}")
        if self.stopped:
            said.append("stopped at the moment")
        return f"process {self.process}" + (f" ({', '.join(said)})" if said else "")


def _program(words: list[str]) -> str | None:
    """The program in a command; where that is Python, the module or the script that it runs."""
    program = os.path.basename(words[0])
    if program.startswith("python"):
        rest = list(dropwhile(_FLAG.fullmatch, words[1:]))
        if rest[:1] == ["-m"]:
            return rest[1]
        if rest and rest[0] and not rest[0].startswith("-"):
            return os.path.basename(rest[0])
    return program or None
