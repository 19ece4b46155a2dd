"""The store keeps what it acknowledged, tells damage from a miss, and says in one sentence what is wrong."""

import os
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Record, Store
from tests.papillon.store.samples import a_call, a_record, damage, python


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


def test_nothing_is_ever_evicted(store: Store) -> None:
    writer = store._require_writer()
    assert (writer.eviction_policy, writer.cull_limit) == ("none", 0)


def test_any_number_of_threads_may_read_and_write(store: Store) -> None:
    def work(number: int) -> bool:
        record = a_record(number % 50)
        store.put(record)
        found = store.get(record.key)
        return found is not None and found.to_text() == record.to_text()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert len(store) == 50


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


@pytest.mark.parametrize("act", [Path.unlink, lambda path: os.truncate(path, 0)])
def test_a_database_that_goes_away_under_a_run_is_told(folder: Path, store: Store, act: Callable[[Path], None]) -> None:
    store.put(a_record())
    act(folder / "cache.db")
    with pytest.raises(StoreError, match="was deleted, emptied or replaced while it was in use"):
        store.put(a_record(1))
    with pytest.raises(StoreError):
        store.get(a_call(1).key)


def test_a_full_disk_is_named_and_what_was_recorded_stays(store: Store) -> None:
    store.put(a_record())
    pages = store._require_writer()._sql("PRAGMA page_count").fetchone()[0]
    store._require_writer()._sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"is full \(database or disk is full\): free some space and run again"):
        store.put(a_record(1, text="x" * 100_000))
    store._require_writer()._sql("PRAGMA max_page_count = 1000000")
    assert text_of(store.get(a_call().key)) == "Nowhere."
    assert store.put(a_record(1))


LIMITED = """
import resource, sys
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_record
with Store(Path(sys.argv[1])) as store:
    store.put(a_record())
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    try:
        store.put(a_record(1, text="x" * 100_000))
    except Exception as error:
        print(type(error).__name__, error)
    print(len(store))
"""


def test_a_limit_on_files_is_named_and_what_was_recorded_stays(folder: Path) -> None:
    said, failed = python(LIMITED, folder).communicate()
    assert said.endswith("and run again; what was recorded before is kept.\n1\n"), failed
    assert said.startswith(f"StoreError The disk that holds the cache {folder} takes no more (disk I/O error): ")


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
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    except OSError:
        sys.exit("still root")
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
    if said == "still root\n":
        pytest.skip("root cannot become another user here, and no permission stops root")
    assert replay == "Nowhere.\nNone\n", said
    assert run.startswith("Nowhere.\nStoreError The cache "), said
    assert "cannot be written (attempt to write a readonly database): make it writable" in run
    assert "or replay what is recorded with --eval-record none." in run


def test_of_many_records_the_sound_ones_are_given(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put_all(a_record(number) for number in range(5))
    damage(tmp_path, "UPDATE Cache SET value = replace(value, 'Nowhere', 'Oregon!') WHERE key = ?", a_record(0).key)
    damage(tmp_path, "UPDATE Cache SET filename = '../x' WHERE key = ?", a_record(1).key)
    # Its checksum fits, but it is no answer to the call whose key it has.
    other = Record(a_record(2).key, a_record(3).call, a_record(3).answer, a_record(3).usage)
    damage(tmp_path, "UPDATE Cache SET value = ? WHERE key = ?", other.to_text(), other.key)
    with Store(tmp_path, read_only=True) as store:
        asked = [*(a_record(number).key for number in range(6)), "no key"]
        assert store.sound(asked) == {a_record(number).key: a_record(number) for number in (3, 4)}
        assert store.sound([]) == {}
