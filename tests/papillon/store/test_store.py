"""The store keeps what it acknowledged, tells damage from a miss, and says in one sentence what is wrong."""

import os
import random
import sqlite3
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import diskcache
import pytest

from papillon.errors import StoreError
from papillon.store import Record, Store, check
from papillon.store.database import create, open_writer
from tests.papillon.store.samples import a_call, a_record, python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a b %41 #?$é😀" / "cache"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(folder) as opened:
        yield opened


def text_of(record: Record | None) -> str:
    assert record is not None
    return record.answer.text


def test_a_record_is_there_for_the_next_run(folder: Path) -> None:
    with Store(folder) as store:
        assert store.get(a_call().key) is None
        assert store.put(a_record())
    with Store(folder) as store:
        back = store.get(a_call().key)
        assert back is not None
        assert back.to_text() == a_record().to_text()
        assert a_call().key in store
        assert a_call(1).key not in store


def test_the_first_writer_wins_unless_told_to_replace(store: Store) -> None:
    key = a_call().key
    assert store.put(a_record(text="first"))
    assert not store.put(a_record(text="second"))
    assert text_of(store.get(key)) == "first"
    assert store.put(a_record(text="third"), replace=True)
    assert text_of(store.get(key)) == "third"
    assert len(store) == 1


def test_keys_and_records_come_in_order_and_whole(store: Store) -> None:
    records = [a_record(number) for number in range(1203)]
    assert store.put_all(records) == 1203
    assert store.put_all(records[:2]) == 0
    assert list(store.keys()) == sorted(record.key for record in records)
    assert len(store) == 1203
    assert [record.key for record in store.records()] == list(store.keys())
    wanted = [records[3].key, a_call(-1).key, records[1].key]
    assert [record.key for record in store.records(wanted)] == [records[3].key, records[1].key]


def test_nothing_is_evicted_however_much_there_is(folder: Path) -> None:
    with closing(diskcache.Cache(str(folder.parent / "stock"), size_limit=1)) as stock:
        limit = stock.size_limit
    with Store(folder) as store:
        store.get(a_call().key)
        assert store._require_writer().eviction_policy == "none"
        assert store._require_writer().cull_limit == 0
        assert limit == 1


def test_any_number_of_threads_may_read_and_write(store: Store) -> None:
    def work(number: int) -> bool:
        record = a_record(number % 50)
        store.put(record)
        found = store.get(record.key)
        return found is not None and found.to_text() == record.to_text()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert len(store) == 50


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

    monkeypatch.setattr("papillon.store.database.open_writer", overtaken)
    with Store(folder) as store:
        assert text_of(store.get(a_call().key)) == "Nowhere."


def test_strict_replay_reads_and_changes_nothing(folder: Path) -> None:
    with Store(folder) as store:
        store.put(a_record())
    with Store(folder, read_only=True) as store:
        assert text_of(store.get(a_call().key)) == "Nowhere."
        assert store.get(a_call(1).key) is None
        with pytest.raises(StoreError, match=r"is open for reading alone, or closed: open it for writing\.$"):
            store.put(a_record(1))
    assert [path.name for path in folder.iterdir()] == ["cache.db"]


def test_strict_replay_without_a_folder_is_an_empty_store_and_makes_none(folder: Path) -> None:
    with Store(folder, read_only=True) as store:
        assert store.get(a_call().key) is None
        assert a_call().key not in store
        assert len(store) == 0
        assert list(store.keys()) == []
    assert not folder.exists()


def test_a_closed_store_is_not_an_empty_one(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="was closed: open it again to use it"):
        store.get(a_call().key)
    with pytest.raises(StoreError, match="for reading alone, or closed"):
        store.put(a_record())


def damage(folder: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        connection.execute(sql, values)


def test_a_record_that_was_altered_is_damage_and_not_a_miss(folder: Path, store: Store) -> None:
    store.put(a_record())
    altered = a_record().to_text().replace("Nowhere", "Oregon!")
    damage(folder, "UPDATE Cache SET value = ?", altered)
    key = a_call().key
    with pytest.raises(StoreError) as refused:
        store.get(key)
    assert str(refused.value) == (
        f"The record {key[:12]} of the cache {folder} is damaged (its checksum does not fit its contents): "
        f"run `python -m papillon cache repair {folder}`."
    )


def test_a_record_under_another_key_is_damage(folder: Path, store: Store) -> None:
    store.put(a_record())
    damage(folder, "UPDATE Cache SET key = ?", a_call(1).key)
    with pytest.raises(StoreError, match="it is the record of another call"):
        store.get(a_call(1).key)


def test_a_record_does_not_expire_and_a_text_need_not_be_utf8(folder: Path, store: Store) -> None:
    store.put(a_record())
    damage(folder, "UPDATE Cache SET expire_time = 1")
    assert text_of(store.get(a_call().key)) == "Nowhere."
    damage(folder, "UPDATE Cache SET value = CAST(x'ff' || value AS TEXT)")
    with pytest.raises(StoreError, match="it is not in the form in which a call is recorded"):
        store.get(a_call().key)


def outcome(folder: Path, number: int, read_only: bool = False) -> str:
    """What one who looks for the ``number``-th call meets: it, word of the damage, a miss or a wrong answer."""
    try:
        with Store(folder, read_only=read_only) as store:
            found = store.get(a_call(number).key)
    except StoreError:
        return "told"
    return "a miss" if found is None else "found" if found == a_record(number) else "a wrong answer"


@pytest.mark.parametrize("read_only", [False, True])
def test_a_record_that_damage_hides_is_not_reported_as_a_miss(folder: Path, read_only: bool) -> None:
    with Store(folder) as store:
        store.put_all(a_record(number) for number in range(50))
    content = (folder / "cache.db").read_bytes()
    key = a_call(7).key.encode()
    met = []
    for place in [place for place in range(len(content)) if content.startswith(key, place)]:
        (folder / "cache.db").write_bytes(content[:place] + b"~" + content[place + 1 :])
        met.append(outcome(folder, 7, read_only))
    # The key stands in the row, which the index finds without it; in the record's text; and in the index.
    assert sorted(met) == ["found", "told", "told"]


def flipped(folder: Path, flips: int, seed: int) -> Counter[str]:
    with Store(folder) as store:
        store.put_all(a_record(number) for number in range(20))
    content = (folder / "cache.db").read_bytes()
    chance = random.Random(seed)
    met: Counter[str] = Counter()
    for _ in range(flips):
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        (folder / "cache.db").write_bytes(changed)
        met.update(outcome(folder, number) for number in chance.sample(range(20), 3))
    return met


def test_a_flipped_bit_is_told_and_never_a_wrong_answer_or_a_second_payment(folder: Path) -> None:
    assert set(flipped(folder, 40, seed=1)) == {"found", "told"}


@pytest.mark.slow
def test_a_thousand_flipped_bits_are_told(folder: Path) -> None:
    met = flipped(folder, 1000, seed=2)
    assert set(met) == {"found", "told"}
    assert met["told"] > 100


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


@pytest.mark.parametrize("act", [os.unlink, lambda path: os.truncate(path, 0)])
def test_a_database_that_goes_away_under_a_run_is_told(folder: Path, store: Store, act: object) -> None:
    store.put(a_record())
    assert callable(act)
    act(folder / "cache.db")
    with pytest.raises(StoreError, match="was deleted, emptied or replaced while it was in use"):
        store.put(a_record(1))
    with pytest.raises(StoreError):
        store.get(a_call(1).key)


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


def test_a_full_disk_is_named_and_what_was_recorded_stays(store: Store) -> None:
    store.put(a_record())
    pages = store._require_writer()._sql("PRAGMA page_count").fetchone()[0]
    store._require_writer()._sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"is full \(database or disk is full\): free some space and run again"):
        store.put(a_record(1, text="x" * 100_000))
    store._require_writer()._sql("PRAGMA max_page_count = 1000000")
    assert text_of(store.get(a_call().key)) == "Nowhere."
    assert store.put(a_record(1))


def test_a_writer_that_never_ends_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("papillon.store.database.PATIENCE", 0.1)
    with Store(folder) as store, closing(sqlite3.connect(folder / "cache.db")) as other:
        store.put(a_record())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"Another process kept the cache .* locked .*\(database is locked\)"):
            store.put(a_record(1))
        assert text_of(store.get(a_call().key)) == "Nowhere."
        other.execute("ROLLBACK")
        assert store.put(a_record(1))


def test_one_who_only_reads_does_not_wait_for_a_writer(folder: Path, store: Store) -> None:
    store.put(a_record())
    with closing(sqlite3.connect(folder / "cache.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with Store(folder, read_only=True) as replay:
            assert text_of(replay.get(a_call().key)) == "Nowhere."
            assert replay.get(a_call(1).key) is None


READ_ONLY = """
import os, sys
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_call
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
with Store(Path(sys.argv[1]), read_only=sys.argv[2] == "replay") as store:
    print(store.get(a_call().key).answer.text)
    try:
        print(store.get(a_call(1).key))
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_folder_that_cannot_be_written_replays_and_refuses_a_miss_before_it_is_paid(
    killed: bool,
) -> None:
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        folder = Path(made) / "cache"
        code = "import os,sys;from pathlib import Path;from papillon.store import Store;"
        code += "from tests.papillon.store.samples import a_record;store = Store(Path(sys.argv[1]));"
        code += "store.put(a_record());" + ("os._exit(0)" if killed else "store.close()")
        python(code, folder).communicate()
        assert (folder / "cache.db-wal").exists() == killed
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        replay, _ = python(READ_ONLY, folder, "replay").communicate()
        run, said = python(READ_ONLY, folder, "run").communicate()
        folder.chmod(0o755)
    assert replay == "Nowhere.\nNone\n", said
    assert run.startswith("Nowhere.\nStoreError The cache "), said
    assert "cannot be written (attempt to write a readonly database): make it writable" in run
    assert "or replay what is recorded with --eval-record none." in run


def test_a_thread_of_the_store_outlives_no_close(store: Store) -> None:
    thread = threading.Thread(target=store.put, args=(a_record(),))
    thread.start()
    thread.join()
    assert text_of(store.get(a_call().key)) == "Nowhere."
