"""What vLLM's log says of a failure: the cause, among many lines that only pass on that there was one."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["cause_in", "end_of", "kind_in", "last_lines"]

#: Lines that are shown where none names a cause, and the characters of a cause.
LINES, WIDTH = 12, 400

#: Bytes of a log that are read: a server that ran for long has said much.
READ = 2**20

#: What stands before a line: the process, and the level, time and place of a logger.
_BEFORE = re.compile(r"^(\(\w+ pid=\d+\) ?)?([A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?")

#: An exception at the end of a traceback, and what a command says of its arguments.
_ERROR = re.compile(r"^((\w+\.)*\w*(Error|Exception)(: .*)?|\S+(?: \S+)?: error: .+)$")

#: What only passes on that there was an error before.
_PASSED_ON = "root cause"

#: An exception of pydantic's, whose cause stands on the next line that says one.
_INVALID, _VALUE = re.compile(r"ValidationError: \d+ validation error"), re.compile(r"^ +(?:\w+ error, )?(\S.*)$")


def end_of(log: Path) -> str:
    """The end of a log, nothing where it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - READ))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def cause_in(text: str) -> str | None:
    """The last error that a log names, without those that point at another, on one line; None where it names none."""
    lines = [_BEFORE.sub("", line).rstrip() for line in text.splitlines()]
    for number in reversed(range(len(lines))):
        found = lines[number]
        if not _ERROR.match(found) or _PASSED_ON in found:
            continue
        if _INVALID.search(found):
            said = (_VALUE.match(line) for line in lines[number + 1 :])
            found = next((value[1] for value in said if value is not None), found)
        return found if len(found) <= WIDTH else f"{found[:WIDTH]}…"
    return None


def kind_in(text: str) -> str | None:
    """The name of that error's kind; None where it is no exception."""
    named = re.match(r"[\w.]+(?=:|$)", cause_in(text) or "")
    return named[0] if named is not None else None


def last_lines(text: str) -> str:
    """The last lines of a log."""
    return "\n".join(text.splitlines()[-LINES:])
