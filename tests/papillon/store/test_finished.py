"""The file of finished rows: its form, its modes, what stands in its place, and how large it grows."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from papillon.store import FinishedRows, Store, check, repair
from papillon.store import finished as module
from papillon.store.finished import FINGERPRINT
from tests.papillon.store.samples import a_record, damage

NAMED = (("local", "a" * 64), ("untrusted", "b" * 64))


def key(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FinishedRows(tmp_path).put({key(0): NAMED})
    return tmp_path


def sql(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "rows.db")) as rows, rows:
        rows.execute(statement, values)


def test_what_was_put_is_got_by_another(folder: Path) -> None:
    assert FinishedRows(folder).get([key(0), key(1)]) == {key(0): NAMED}


def test_a_row_whose_calls_were_changed_is_none(folder: Path) -> None:
    sql(folder, "UPDATE rows SET calls = ?", json.dumps([["local", key(7)]]))
    assert FinishedRows(folder).get([key(0)]) == {}
    assert list(FinishedRows(folder).all()) == [None]


def test_a_file_that_was_written_elsewhere_is_made_anew_and_no_fault(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECRET", tmp_path / "own" / "rows.key")
    assert not FinishedRows(folder).ours
    assert (FinishedRows(folder).get([key(0)]), list(FinishedRows(folder).all())) == ({}, [])
    FinishedRows(folder).put({key(1): NAMED})
    assert FinishedRows(folder).get([key(0), key(1)]) == {key(1): NAMED}
    assert (tmp_path / "own" / "rows.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("spoilt", ["others may read it", "too short", "a folder"])
def test_without_a_private_secret_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    secret = tmp_path / "rows.key"
    if spoilt == "a folder":
        secret.mkdir()
    else:
        secret.write_bytes(b"x" * (3 if spoilt == "too short" else 32))
        secret.chmod(0o600 if spoilt == "too short" else 0o644)
    monkeypatch.setattr(module, "SECRET", secret)
    FinishedRows(tmp_path).put({key(0): NAMED})
    assert FinishedRows(tmp_path).get([key(0)]) == {}
    assert not (tmp_path / "rows.db").exists()


def test_it_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FinishedRows(tmp_path).put({key(0): NAMED})
    finally:
        os.umask(before)
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("rows.db", 0o600)]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    FinishedRows(tmp_path / "none").put({key(0): NAMED})
    assert FinishedRows(tmp_path / "none").get([key(0)]) == {}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("place", ["link", "fifo", "folder", "empty", "rubbish", "open to all", "journal"])
def test_what_stands_in_its_place_is_not_opened_and_said(folder: Path, place: str) -> None:
    path, other = folder / "rows.db", folder / "other.db"
    path.rename(other)
    says = "rows.db is no plain file"
    match place:
        case "link":
            path.symlink_to(other)
        case "fifo":
            os.mkfifo(path, 0o600)
        case "folder":
            path.mkdir()
        case "empty":
            path.touch(0o600)
            says = "it is of another version"
        case "rubbish":
            path.write_bytes(b"rubbish" * 100)
            path.chmod(0o600)
            says = "file is not a database"
        case "open to all":
            other.rename(path)
            path.chmod(0o644)
            says = "others may read or write it (044)"
        case "journal":
            other.rename(path)
            (folder / "rows.db-journal").symlink_to(folder / "nowhere")
            says = "rows.db-journal is no plain file"
    rows = FinishedRows(folder)
    assert rows.fault() == says
    assert rows.get([key(0)]) == {}
    rows.put({key(1): NAMED})
    if place != "folder":
        assert rows.fault() is None
        assert rows.get([key(0), key(1)]) == {key(1): NAMED}
    if other.exists():
        with closing(sqlite3.connect(other)) as untouched:
            assert untouched.execute("SELECT key FROM rows").fetchall() == [(key(0),)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER INSERT ON rows BEGIN DELETE FROM rows; END",
        "ALTER TABLE rows ADD COLUMN more",
        "PRAGMA user_version = 2",
    ],
)
def test_another_form_is_another_file(folder: Path, statement: str) -> None:
    sql(folder, statement)
    assert FinishedRows(folder).fault() is not None
    assert FinishedRows(folder).get([key(0)]) == {}


@pytest.mark.parametrize(
    "calls", ["", "{}", "[1]", '[["local"]]', f'[["LOCAL", "{key(0)}"]]', '[["local", "0"]]', "[" * 9_999, b"\xff"]
)
def test_a_row_that_names_no_calls_is_none(folder: Path, calls: object) -> None:
    hashed = FinishedRows(folder)._hash(key(0), calls) if isinstance(calls, str) else ""
    sql(folder, "UPDATE rows SET calls = ?, hash = ?", calls, hashed)
    assert FinishedRows(folder).get([key(0)]) == {}


def test_it_does_not_grow_for_ever_and_what_was_not_used_for_longest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 10)
    now = time.time()
    for day in range(5):
        monkeypatch.setattr(time, "time", lambda day=day: now + day * 86_400)
        rows = FinishedRows(tmp_path)
        rows.get([key(0)])
        rows.put({key(day * 4 + number): NAMED for number in range(4)}, used=[key(0)])
    kept = FinishedRows(tmp_path).get(map(key, range(20)))
    assert len(kept) == 10
    assert {key(0), *map(key, range(12, 20))} <= kept.keys()


def test_a_folder_that_cannot_be_written_is_read_all_the_same(folder: Path) -> None:
    (folder / "rows.db").chmod(0o400)
    folder.chmod(0o500)
    try:
        assert FinishedRows(folder).get([key(0)]) == {key(0): NAMED}
        FinishedRows(folder).put({key(1): NAMED})
    finally:
        folder.chmod(0o700)


class TestChecked:
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Path:
        with Store(tmp_path / "cache") as store:
            store.put_all(a_record(number) for number in range(3))
        rows = {key(number): (("local", a_record(number).key),) for number in range(3)}
        FinishedRows(tmp_path / "cache").put({**rows, key(9): ((FINGERPRINT, "f" * 64),)})
        return tmp_path / "cache"

    def test_rows_that_stand_on_sound_records_are_nothing_to_speak_of(self, cache: Path) -> None:
        report = check(cache)
        assert report.ok
        assert str(report) == f"{cache}: 3 recorded calls are sound, 0 damaged"

    def test_rows_whose_records_are_damaged_or_gone_are_counted_and_thrown_away(self, cache: Path) -> None:
        damage(cache, "UPDATE Cache SET value = replace(value, 'Nowhere', 'Oregon!') WHERE rowid = 1")
        damage(cache, "DELETE FROM Cache WHERE rowid = 2")
        said = "2 of 4 rows name calls that are not theirs, not recorded or damaged"
        assert check(cache).finished == said
        assert f"  rows.db: {said}; its rows are made anew from the recorded calls" in str(repair(cache))
        assert not (cache / "rows.db").exists()
        assert check(cache).ok

    def test_a_link_in_its_place_is_said_and_taken_away_and_what_it_names_is_not(
        self, cache: Path, tmp_path: Path
    ) -> None:
        (cache / "rows.db").rename(tmp_path / "other")
        (cache / "rows.db").symlink_to(tmp_path / "other")
        before = (cache / "cache.db").read_bytes()
        assert check(cache).finished == "rows.db is no plain file"
        assert not repair(cache).ok
        assert check(cache).ok
        assert (tmp_path / "other").exists()
        assert (cache / "cache.db").read_bytes() == before
        assert not (cache / "damaged").exists()


def test_a_file_that_another_process_keeps_locked_is_left_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.05)
    with closing(sqlite3.connect(folder / "rows.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        FinishedRows(folder).put({key(1): NAMED})
        assert FinishedRows(folder).get([key(0), key(1)]) == {}
    assert FinishedRows(folder).get([key(0), key(1)]) == {key(0): NAMED}
