"""A lock of another process is waited for, for a time that has an end, and Ctrl-C ends the wait at once."""

from __future__ import annotations

import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from papillon.store import Store, check
from papillon.store.database import open_reader
from papillon.store.failures import Locked
from papillon.store.patience import patiently
from tests.harness.runs import heeds_ctrl_c
from tests.papillon.store.samples import a_call, a_record, python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(folder) as opened:
        yield opened


def test_what_is_locked_is_tried_again_until_it_is_free(folder: Path) -> None:
    tries = []

    def do() -> int:
        tries.append(time.monotonic())
        if len(tries) < 12:
            raise Locked("in use")
        return 7

    assert patiently(folder, do) == 7
    assert 0.05 < tries[-1] - tries[0] < 5


@pytest.mark.parametrize("before", ["opened", "used"])
def test_a_writer_that_never_ends_is_named(folder: Path, before: str) -> None:
    with Store(folder) as store, closing(sqlite3.connect(folder / "cache.db")) as other:
        if before == "used":
            store.put(a_record())
        other.execute("BEGIN IMMEDIATE")
        store.patience = lambda: 0.1
        began = time.monotonic()
        with pytest.raises(Locked, match=r" has kept the cache .* locked for 0 s: end that process, or use another"):
            store.put(a_record(1))
        assert 0.1 <= time.monotonic() - began < 5
        other.execute("ROLLBACK")
        assert store.put(a_record(1))
        assert store.get(a_call(1).key) == a_record(1)


#: Keeps the database as one does that has begun to write.
WRITER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1] + "/cache.db", isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("writes", flush=True)
sys.stdin.readline()
"""

WAITER = """
import sys
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_record
store = Store(Path(sys.argv[1]))
print("waits", flush=True)
store.put_all([a_record()])
"""


def test_ctrl_c_ends_the_wait_for_another_writer_at_once(folder: Path, store: Store) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        process = python(WAITER, folder, preexec_fn=heeds_ctrl_c)
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - began < 1
        assert said.endswith("KeyboardInterrupt\n")


def test_one_who_keeps_even_readers_out_is_no_damage(folder: Path, store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Locked, match="has kept the cache"):
            patiently(folder, lambda: open_reader(folder), lambda: 0.1)
        with pytest.raises(Locked, match="is locked by another process"):
            check(folder)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_process_that_writes_is_named(folder: Path, store: Store) -> None:
    process = python(WRITER, folder, stdin=-1)
    assert process.stdout is not None
    assert process.stdout.readline() == "writes\n"
    store.patience = lambda: 0.0
    with pytest.raises(Locked, match=rf"^process {process.pid} \(python.*\) has kept the cache .* locked for 0 s"):
        store.put(a_record())
    process.communicate("done\n")
    assert store.put(a_record())
