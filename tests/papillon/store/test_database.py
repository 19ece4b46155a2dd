"""A cache folder has one form of database; whatever else stands there is refused by name and left alone."""

import os
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import diskcache
import pytest

from papillon.errors import StoreError
from papillon.store import Store, check
from papillon.store.database import create, open_writer
from tests.papillon.store.samples import a_call, a_record, damage, python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a b %41 #?$é😀" / "cache"


def test_a_new_folder_is_private(folder: Path) -> None:
    Store(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "cache.db").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["cache.db"]


def test_processes_that_begin_together_share_one_database(folder: Path) -> None:
    code = """
import sys
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_record
print("ready", flush=True)
sys.stdin.readline()
with Store(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[2]), 60, 2):
        store.put(a_record(number))
        store.put(a_record(-1, text=sys.argv[2]))
"""
    writers = [python(code, folder, start, stdin=-1) for start in (0, 1, 0)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
        assert writer.returncode == 0
    with Store(folder) as store:
        assert len(store) == 61


def test_a_database_that_another_process_made_first_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(made: Path) -> diskcache.Cache:
        monkeypatch.undo()
        with Store(folder) as other:
            other.put(a_record())
        return open_writer(made)

    monkeypatch.setattr("papillon.store.database._writer", overtaken)
    with Store(folder) as store:
        assert store.get(a_call().key) == a_record()


def test_an_emptied_database_is_not_a_new_one(folder: Path) -> None:
    create(folder)
    (folder / "cache.db").write_bytes(b"")
    with pytest.raises(StoreError) as refused:
        Store(folder)
    assert str(refused.value) == (
        f"The cache {folder} has lost what was in its cache.db: run `python -m papillon cache repair {folder}`."
    )


def test_a_journal_without_its_database_is_not_a_new_store(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "cache.db-wal").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"has lost what was in its cache\.db"):
        Store(folder)


@pytest.mark.parametrize("content", [b"not a database, " * 300, b"SQLite format 3\0" * 300])
def test_a_file_that_is_no_database_is_refused(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "cache.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged \(.*\): run `python -m papillon cache repair"):
        Store(folder)


def test_damage_that_python_cannot_even_quote_is_damage(folder: Path) -> None:
    create(folder)
    content = (folder / "cache.db").read_bytes()
    (folder / "cache.db").write_bytes(content.replace(b"CREATE TABLE Cache", b"CREATE \xc1ABLE Cache"))
    with pytest.raises(StoreError, match=r"is damaged \(.*can't decode byte 0xc1.*\)"):
        Store(folder)
    assert check(folder).faults


def test_a_database_that_was_cut_short_is_told(folder: Path) -> None:
    with Store(folder) as store:
        store.put_all(a_record(number) for number in range(100))
    whole = (folder / "cache.db").stat().st_size
    os.truncate(folder / "cache.db", whole // 2 // 4096 * 4096)
    with pytest.raises(StoreError, match=r"is damaged \(.*malformed\)"):
        Store(folder)


def test_another_format_is_refused_by_name(folder: Path) -> None:
    create(folder)
    damage(folder, "PRAGMA user_version = 2")
    with pytest.raises(StoreError) as refused:
        Store(folder)
    assert str(refused.value) == (
        f"The cache {folder} is of format 2, and this version reads format 1: use the version that wrote it, or "
        "another folder with --eval-cache."
    )


def test_a_diskcache_of_someone_elses_is_refused_and_left_as_it_is(folder: Path) -> None:
    folder.mkdir(parents=True)
    with closing(diskcache.Cache(str(folder))) as stock:
        stock["a"] = {1}
    before = (folder / "cache.db").read_bytes()
    with pytest.raises(StoreError, match="is of format 0, and this version reads format 1"):
        Store(folder)
    assert (folder / "cache.db").read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER planted AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "INSERT INTO Settings VALUES ('_directory', '/')",
        "UPDATE Settings SET value = 'least-recently-stored' WHERE key = 'eviction_policy'",
        "UPDATE Settings SET value = 'wal; DROP TABLE Cache' WHERE key = 'sqlite_journal_mode'",
    ],
)
def test_planted_settings_and_triggers_are_refused(folder: Path, sql: str) -> None:
    create(folder)
    damage(folder, sql)
    with pytest.raises(StoreError, match=r"is not as this project makes it \(its (tables|settings).* are others\)"):
        Store(folder)


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal", "cache.db-shm"])
def test_a_link_in_the_place_of_a_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    create(folder)
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=f"holds a {name} that is no plain file: remove it by hand"):
        Store(folder)
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_a_path_that_diskcache_would_rewrite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", str(tmp_path / "other"))
    with pytest.raises(StoreError, match="has the name of an environment variable in its path"):
        Store(tmp_path / "$ELSEWHERE")
    assert not (tmp_path / "other").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used \(.*File exists.*\): see that it is a folder of yours"):
        Store(tmp_path / "cache")


def test_a_disk_without_room_for_a_new_one_is_told_by_the_folders_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    monkeypatch.setattr("papillon.store.database._Impatient", full)
    with pytest.raises(StoreError, match=rf"^The disk that holds the cache {re.escape(str(folder))} is full \("):
        create(folder)


def test_a_path_that_sqlite_does_not_open_is_told_by_its_length(tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["x" * 100] * 5)
    with pytest.raises(StoreError) as refused:
        Store(long)
    assert str(refused.value) == (
        f"The cache {long} has a path of more than 480 bytes, which SQLite does not open: use a shorter one with "
        "--eval-cache."
    )


def test_the_name_of_a_variable_in_a_path_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME", "other")
    with pytest.raises(
        StoreError, match=rf"^The cache {re.escape(str(tmp_path))}/\$SOME has the name of an environment"
    ):
        create(tmp_path / "$SOME")
    assert not (tmp_path / "$SOME").exists()
