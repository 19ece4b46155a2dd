"""Records are found in a database's pages as SQLite finds them, and whatever else the pages hold does no harm."""

from __future__ import annotations

import os
import random
from contextlib import closing
from pathlib import Path

import pytest

from papillon.store import Record, Store
from papillon.store.pages import Pages
from tests.papillon.store.samples import a_record

#: Texts around the length at which a row's end moves to pages of its own, and of several of those.
TEXTS = ["x" * length for length in (0, 1, 127, 128, *range(3300, 3800, 50), 4096, 8000, 9000, 20_000, 70_000)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        for number, text in enumerate(TEXTS):
            store.put(a_record(number, text=text))
    return tmp_path


def found(folder: Path) -> list[Record]:
    with closing(Pages(folder / "cache.db")) as pages:
        return list(pages.records())


def test_every_record_is_found_once(folder: Path) -> None:
    records = found(folder)
    assert len(records) == len(TEXTS)
    assert {record.key: record for record in records} == {
        (record := a_record(number, text=text)).key: record for number, text in enumerate(TEXTS)
    }


def test_records_of_a_journal_are_found_too(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put_all(a_record(number, text=text) for number, text in enumerate(TEXTS))
        copied = tmp_path / "copied"
        copied.mkdir()
        for name in ("cache.db", "cache.db-wal"):
            # Its descriptor stays open: closing it would drop SQLite's locks.
            (copied / name).write_bytes(os.pread(os.open(tmp_path / name, os.O_RDONLY), 2**24, 0))
    assert {record.key for record in found(copied)} == {a_record(number).key for number in range(len(TEXTS))}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_overwritten_what_is_found_is_whole(folder: Path, seed: int) -> None:
    content = (folder / "cache.db").read_bytes()
    own = {(record := a_record(number, text=text)).key: record for number, text in enumerate(TEXTS)}
    chance = random.Random(seed)
    for _ in range(20):
        changed = bytearray(content)
        for _ in range(chance.choice((1, 3, 300))):
            place = chance.randrange(len(changed))
            changed[place : place + 8] = chance.randbytes(8)
        del changed[chance.choice((len(changed), chance.randrange(len(changed)))) :]
        (folder / "cache.db").write_bytes(changed)
        assert all(own[record.key] == record for record in found(folder))
