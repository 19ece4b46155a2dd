"""Arbor's own logs: of what a process ended, in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

__all__ = ["cause_in", "last_of"]

#: An exception as Python shows it at the end of a traceback, after whatever a logger or a launcher puts before it, and
#: what Accelerate's launcher says of a process that was killed.
_ERROR = re.compile(r"(?:^|[\s\]])((?:\w+\.)*\w*(?:Error|Exception)(?:: .+)?|Signal \d+ \(SIG\w+\) received .+)$")

#: Those that only pass on that there was one.
_PASSED_ON = ("ChildFailedError", "See root cause above", "Engine core initialization failed")


def last_of(folder: Path, name: str = "*.log") -> Path | None:
    """Of the logs of that name below ``folder`` that say something, the one that was written to last."""
    logs = [path for path in folder.rglob(name) if path.stat().st_size]
    return max(logs, key=lambda path: path.stat().st_mtime, default=None)


def cause_in(log: Path) -> str | None:
    """The last error that a log names, without those that only point at another; None where it names none."""
    for line in reversed(_lines(log)):
        found = _ERROR.search(line)
        if found and not any(word in line for word in _PASSED_ON):
            return found[1].strip()
    return None


def _lines(log: Path) -> list[str]:
    """What was said, without the objects that Arbor wraps its processes' lines in."""
    return [_said(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]


def _said(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line
