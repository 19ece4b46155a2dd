"""Memory: what this process may still take, by the machine and by the limits of its cgroup, and what it gives back."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["available", "give_back", "megabytes"]

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
#: A cgroup's limit, its use, and what of that are files' pages, which make room when asked: version 2, version 1.
_VERSIONS = (
    ("memory.max", "memory.current", ("active_file", "inactive_file")),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_active_file", "total_inactive_file")),
)


def available(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Bytes that can be had before the machine, or a limit of this process's cgroups, runs out; None where unknown.

    Pages of files count as free, since they are dropped where memory is short.
    """
    with suppress(OSError, ValueError, IndexError):
        lines = (proc / "meminfo").read_text().splitlines()
        machine = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
        return max(0, min([machine, *_left(proc, cgroups)]))
    return None


def give_back() -> None:
    """Have what this process freed go back to the machine, in a few milliseconds, where its C library can (glibc)."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def megabytes(count: int) -> str:
    """A count of bytes for a person: ``812 MB``."""
    return f"{count / 1e6:,.0f} MB"


def _left(proc: Path, cgroups: Path) -> Iterator[int]:
    """What each limit that holds for this process leaves."""
    for line in (proc / "self" / "cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = cgroups / controllers
        own = root / name.lstrip("/")
        # A container sees its own group at the root; elsewhere the limits of every group above hold too.
        for folder in (own, *own.parents):
            if not folder.is_relative_to(root):
                break
            for limit, use, files in _VERSIONS:
                with suppress(OSError, ValueError):
                    most = int((folder / limit).read_text())
                    stat = dict(each.split() for each in (folder / "memory.stat").read_text().splitlines())
                    yield most - int((folder / use).read_text()) + sum(int(stat.get(name, 0)) for name in files)
