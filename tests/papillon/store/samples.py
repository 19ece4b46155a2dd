"""Calls and records to test with, a hand to damage them, and a Python of its own to run beside the test."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from papillon.errors import StoreError
from papillon.store import Answer, Call, Record, Store, Usage

ROOT = Path(__file__).parents[3]


def a_call(number: int = 0, **changes: Any) -> Call:
    """The ``number``-th of calls that differ in what the user says, with top-level fields changed."""
    messages = [
        {"role": "system", "content": "Craft a request that gives nothing away."},
        {"role": "user", "content": f"Where did the {number}. letter to Ms Ödegård go? 手紙"},
    ]
    sampling = {"temperature": 0.7, "max_tokens": 300}
    return Call({"model": "m-135", "messages": messages, "sampling": sampling, "trial": 0, **changes})


def a_record(number: int = 0, text: str = "Nowhere.", **changes: Any) -> Record:
    return Record.of(a_call(number, **changes), Answer(text, "stop"), Usage(31, 4))


def refusing_after(many: int) -> Callable[..., Any]:
    """What stands in the place of a Store's ``put_all`` or ``put`` on a disk that has room for so many of them."""
    puts, put_all = count(1), Store.put_all

    def put(self: Store, records: Any, *, replace: bool = False) -> Any:
        if next(puts) > many:
            raise StoreError("no room")
        return put_all(self, records, replace=replace)

    return put


def damage(folder: Path, sql: str, *values: object) -> None:
    """Changes the database of a store as someone with an editor could."""
    with closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        connection.execute(sql, values)


def python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A process that runs ``code`` with the project on its path; its output is read as text."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, cwd=ROOT, text=True, **options)
