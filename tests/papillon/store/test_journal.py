"""A journal is read without SQLite: what of it is intact, and what is lost of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Store
from papillon.store.journal import FRAME, HEADER, Journal, inspected, journal_fault
from tests.papillon.store.samples import a_record, python

#: Keeps records until its standard input ends, and says each; so many are copied into the database in between.
WRITER = """
import sys
from itertools import count
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_record
store, size = Store(Path(sys.argv[1])), int(sys.argv[2])
for number in count(int(sys.argv[3])):
    store.put(a_record(number, text="x" * (number * 37 % size)))
    print(number, flush=True)
"""

PAGE = FRAME.size + 4096


@contextmanager
def writing(folder: Path, size: int = 3000, first: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that records without an end, and is killed."""
    process = python(WRITER, folder, size, first)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def records(process: subprocess.Popen[str], many: int) -> None:
    assert process.stdout is not None
    for _ in range(many):
        assert process.stdout.readline()


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A cache whose 40 records lie in its journal alone, since who wrote them was killed."""
    with writing(tmp_path / "cache") as process:
        records(process, 40)
    return tmp_path / "cache"


def flip(file: Path, place: int, bit: int = 3) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def test_a_journal_of_one_who_was_killed_is_intact(killed: Path) -> None:
    journal = Journal.read(killed / "cache.db-wal")
    assert journal is not None
    assert journal.salt is not None
    assert journal.intact > 40
    assert journal.dropped == 0
    assert journal_fault(killed / "cache.db") is None
    with Store(killed) as store:
        assert len(store) >= 40
    assert Journal.read(killed / "cache.db-wal") is None


@pytest.mark.parametrize("index", ["there", "gone"])
def test_a_bit_that_flips_in_a_committed_page_is_told_before_anything_is_read(killed: Path, index: str) -> None:
    wal = killed / "cache.db-wal"
    before = wal.read_bytes()
    frames = (len(before) - HEADER.size) // PAGE
    chance = random.Random(5)
    for _ in range(25):
        frame = chance.randrange(frames // 2)
        flip(wal, HEADER.size + PAGE * frame + chance.randrange(PAGE), chance.randrange(8))
        if index == "gone":
            (killed / "cache.db-shm").unlink(missing_ok=True)
        with pytest.raises(StoreError) as refused:
            Store(killed)
        assert str(refused.value).startswith(f"The cache {killed} is damaged (")
        assert "of its journal" in str(refused.value)
        assert str(refused.value).endswith(f"): run `python -m papillon cache repair {killed}`.")
        if index == "there":
            assert f"({frame} of the {frames} pages of its journal are intact)" in str(refused.value)
        wal.write_bytes(before)
    assert wal.read_bytes() == before, "nothing was copied or dropped meanwhile"


def test_a_bit_that_flips_in_the_last_page_is_told_by_the_index(killed: Path) -> None:
    wal = killed / "cache.db-wal"
    frames = (wal.stat().st_size - HEADER.size) // PAGE
    flip(wal, HEADER.size + PAGE * frames - 100)
    assert journal_fault(killed / "cache.db") == f"{frames - 1} of the {frames} pages of its journal are intact"


def test_a_damaged_header_is_told(killed: Path) -> None:
    for place in range(HEADER.size):
        flip(killed / "cache.db-wal", place)
        assert journal_fault(killed / "cache.db") == "its journal has a damaged header"
        flip(killed / "cache.db-wal", place)


def test_a_journal_that_was_cut_emptied_or_taken_away_is_told(killed: Path) -> None:
    wal = killed / "cache.db-wal"
    frames = (wal.stat().st_size - HEADER.size) // PAGE
    os.truncate(wal, HEADER.size + PAGE * 30 + 7)
    assert journal_fault(killed / "cache.db") == f"30 of the {frames} pages of its journal are intact"
    os.truncate(wal, 0)
    gone = f"its journal is gone, and {frames} pages with it"
    assert journal_fault(killed / "cache.db") == gone
    wal.unlink()
    assert journal_fault(killed / "cache.db") == gone


def test_what_a_killed_writer_did_not_commit_is_no_fault(killed: Path) -> None:
    wal = killed / "cache.db-wal"
    frame = wal.read_bytes()[-PAGE:]
    with wal.open("ab") as file:
        file.write(frame[:4] + b"\0\0\0\0" + frame[8:])  # its checksum fits nothing, and it is no commit
        file.write(frame[: PAGE // 2])
    assert journal_fault(killed / "cache.db") is None
    with Store(killed) as store:
        assert len(store) >= 40


def test_who_is_alive_and_writes_is_not_taken_for_damage(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    Store(folder).close()
    with writing(folder, size=60_000) as one, writing(folder, first=1_000_000) as other:
        records(one, 3)
        records(other, 3)
        salts, until = set(), time.monotonic() + 30
        while len(salts) < 3:  # the journal was begun anew meanwhile
            assert time.monotonic() < until
            assert journal_fault(folder / "cache.db") is None
            salts.add((folder / "cache.db-wal").read_bytes()[16:24])
    assert journal_fault(folder / "cache.db") is None


def test_a_process_that_has_the_database_opened_leaves_the_journal_alone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put(a_record())
        flip(tmp_path / "cache.db-wal", 3)
        with inspected(tmp_path / "cache.db") as fault:
            assert fault is None
        Store(tmp_path).close()
    flip(tmp_path / "cache.db", 20)  # it was copied and taken away: the database is closed everywhere
    with inspected(tmp_path / "cache.db") as fault:
        assert fault is None
