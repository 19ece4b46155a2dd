"""What diskcache may not do: unpickle, follow a file name, or take another row for a record."""

import os
import pickle
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache
import pytest

from papillon.errors import StoreError
from papillon.store import Store
from papillon.store.disk import RecordDisk
from tests.papillon.store.samples import a_record, damage

KEY = a_record().key


class Trap:
    """Unpickling one makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def plant(folder: Path, **columns: Any) -> None:
    """Changes columns of the one row of a store."""
    damage(folder, f"UPDATE Cache SET {', '.join(f'{name} = ?' for name in columns)}", *columns.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "cache") as store:
        store.put(a_record())
    return tmp_path / "cache"


@pytest.mark.parametrize("mode", [1, 4])
def test_a_planted_pickle_is_reported_and_never_loaded(folder: Path, tmp_path: Path, mode: int) -> None:
    plant(folder, mode=mode, value=pickle.dumps(Trap(tmp_path / "sprung")))
    with Store(folder) as store, pytest.raises(StoreError, match="is damaged"):
        store.get(KEY)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
@pytest.mark.parametrize("value", [None, a_record().to_text()])
def test_a_planted_file_name_is_neither_read_nor_deleted(
    folder: Path, tmp_path: Path, mode: int, value: str | None
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    plant(folder, mode=mode, filename="../victim", value=value)
    with Store(folder) as store:
        with pytest.raises(StoreError, match="it names a file, which is never opened"):
            store.get(KEY)
        with pytest.raises(StoreError, match="a row named a file, which was left alone"):
            store.put(a_record(text="Elsewhere."), replace=True)
        healed = store.get(KEY)
    assert healed is not None
    assert healed.answer.text == "Elsewhere."
    assert victim.exists()
    assert not (tmp_path / "sprung").exists()


def test_a_pickled_key_is_never_loaded(tmp_path: Path) -> None:
    disk = RecordDisk(str(tmp_path))
    with pytest.raises(StoreError, match="its key is pickled, which is never read"):
        disk.get(pickle.dumps(Trap(tmp_path / "sprung")), raw=False)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("key", ["", "ab", KEY.upper(), KEY + "\n", b"\x00" * 64, 7, None, ("a",)])
def test_only_a_calls_key_is_a_key(tmp_path: Path, key: Any) -> None:
    with pytest.raises(StoreError, match=r"a key is 64 hexadecimal digits, and .* is not"):
        RecordDisk(str(tmp_path)).put(key)


@pytest.mark.parametrize("value", ["text", b"bytes", 1, {"key": KEY}, a_record(1), None])
def test_only_a_record_under_its_own_key_is_a_value(tmp_path: Path, value: Any) -> None:
    with closing(diskcache.Cache(str(tmp_path / "c"), disk=RecordDisk)) as cache:
        with pytest.raises(StoreError, match="a value is a Record under its own key, and this is not one"):
            cache.set(KEY, value)
        with open(__file__, "rb") as file, pytest.raises(StoreError, match="a value is a Record"):
            cache.set(KEY, file, read=True)


def test_a_long_record_stays_in_the_database(tmp_path: Path) -> None:
    record = a_record(text="語" * 700_000)
    with Store(tmp_path / "cache") as store:
        store.put(record)
        back = store.get(record.key)
    assert back is not None
    assert back.answer == record.answer
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["cache.db"]
    with pytest.raises(StoreError, match="no record is kept in a file"):
        RecordDisk(str(tmp_path)).filename()
