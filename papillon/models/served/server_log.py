"""What a server that failed left in its log: the cause, among many lines that only pass on that there was one."""

from __future__ import annotations

import re

__all__ = ["cause_in", "last_lines"]

#: Lines that are shown where none names a cause.
LINES = 12

#: What a logger puts before a line: the process, and the level, the time and the place.
_PREFIX = re.compile(r"^(?:\(\w+[^)]*\) ?)?(?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?")

#: An exception as Python shows it at the end of a traceback, and what a command says of its arguments.
_ERROR = re.compile(r"^(?:(?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?:: .*)?|\S.*: error: .+)$")

#: Those that only say that there was an error before.
_PASSED_ON = ("See root cause above", "Engine core initialization failed")


def cause_in(text: str) -> str | None:
    """The last error that a log names, without those that point at another; None where it names none."""
    lines = [_PREFIX.sub("", line).rstrip() for line in text.splitlines()]
    for number in reversed(range(len(lines))):
        found = lines[number]
        if _ERROR.match(found) and not any(words in found for words in _PASSED_ON):
            return found
    return None


def last_lines(text: str) -> str:
    """The last lines of a log."""
    return "\n".join(text.splitlines()[-LINES:])
