"""Damage is found, said and set aside; what is sound stays."""

import json
import os
import pickle
import random
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Record, Report, Store, check, repair
from tests.papillon.store.samples import a_call, a_record, damage
from tests.papillon.store.test_disk import Trap

COUNT = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "cache") as store:
        store.put_all(a_record(number) for number in range(COUNT))
    return tmp_path / "cache"


def sound(folder: Path) -> list[int]:
    with Store(folder) as store:
        return [number for number in range(COUNT) if store.get(a_call(number).key) == a_record(number)]


def test_a_sound_cache_is_found_sound_and_left_alone(folder: Path) -> None:
    before = (folder / "cache.db").read_bytes()
    report = repair(folder)
    assert report == Report(str(folder), COUNT, 0, (), ())
    assert report.ok
    assert str(report) == f"{folder}: 60 recorded calls are sound, 0 damaged"
    assert (folder / "cache.db").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["cache.db"]


def test_a_folder_that_is_not_there_has_nothing_wrong_and_is_not_made(tmp_path: Path) -> None:
    assert repair(tmp_path / "none") == Report(str(tmp_path / "none"), 0, 0, (), ())
    assert not (tmp_path / "none").exists()


def test_damaged_rows_are_told_apart_set_aside_and_never_acted_on(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    damage(folder, "UPDATE Cache SET mode = 4, value = ? WHERE rowid = 1", trap)
    damage(folder, "UPDATE Cache SET filename = '../victim' WHERE rowid = 2")
    damage(folder, "UPDATE Cache SET value = replace(value, 'Nowhere', 'Oregon!') WHERE rowid = 3")
    damage(folder, "UPDATE Cache SET key = ?, raw = 0 WHERE rowid = 4", trap)
    damage(folder, "UPDATE Cache SET key = ? WHERE rowid = 5", "0" * 64)
    damage(folder, "UPDATE Cache SET key = '\x1b[2J' WHERE rowid = 6")
    other = Record(a_call(-1).key, a_record(6).call, a_record(6).answer, a_record(6).usage)
    damage(folder, "UPDATE Cache SET key = ?, value = ? WHERE rowid = 7", other.key, other.to_text())
    report = check(folder)
    assert not report.ok
    assert (report.sound, report.damaged) == (COUNT - 7, 7)
    reasons = [found.reason for found in report.named]
    assert reasons[0] == "its mode is 4, which is never read"
    assert reasons[1] == "it names a file, which is never opened"
    assert reasons[2] == "its checksum does not fit its contents"
    assert reasons[3] == "its key is pickled, which is never read"
    assert reasons[4] == "it is the record of another call"
    assert reasons[5] == r"a key is 64 hexadecimal digits, and '\x1b[2J' is not"
    assert reasons[6] == "its key is not the key of its call"
    assert f"row 3, key '{a_call(2).key[:12]}': its checksum does not fit its contents" in str(report)
    assert "\x1b" not in str(report)

    repaired = repair(folder)
    assert repaired.aside == str(folder / "damaged" / "1")
    assert str(repaired).endswith(f"moved to {folder}/damaged/1; its calls will be made anew")
    rows = [json.loads(line) for line in (folder / "damaged" / "1" / "rows.jsonl").read_text().splitlines()]
    assert [row["rowid"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert rows[1]["filename"] == "../victim"
    assert "Oregon!" in rows[2]["value"]
    assert set(rows[0]["value"]) == {"base64"}
    assert sorted(os.listdir(folder / "damaged" / "1")) == ["cache.db", "rows.jsonl"]
    assert sound(folder) == list(range(7, COUNT))
    assert check(folder).ok
    assert victim.read_text() == "precious"
    assert not (tmp_path / "sprung").exists()


def test_many_damaged_rows_are_counted_and_twenty_named(folder: Path) -> None:
    damage(folder, "UPDATE Cache SET mode = 2 WHERE rowid > 10")
    report = check(folder)
    assert (report.sound, report.damaged, len(report.named)) == (10, 50, 20)
    assert str(report).endswith("  and 30 rows more")


def test_a_broken_structure_is_left_for_a_new_one_with_what_could_be_read(folder: Path) -> None:
    content = bytearray((folder / "cache.db").read_bytes())
    leaf = next(place for place in range(4096, len(content), 4096) if content[place] == 0x0D and place > 8 * 4096)
    content[leaf : leaf + 8] = b"\xff" * 8
    (folder / "cache.db").write_bytes(content)
    report = check(folder)
    assert report.faults
    repaired = repair(folder)
    assert repaired.aside
    assert (Path(repaired.aside) / "cache.db").read_bytes() == content
    kept = sound(folder)
    assert len(kept) == repaired.sound
    assert COUNT // 2 < len(kept) < COUNT
    assert check(folder).ok
    assert "the database: " in str(report)


@pytest.mark.parametrize("content", [b"", b"not a database, " * 300])
def test_a_database_that_is_none_is_set_aside(folder: Path, content: bytes) -> None:
    (folder / "cache.db").write_bytes(content)
    report = check(folder)
    assert (report.sound, len(report.faults)) == (0, 1)
    repair(folder)
    assert (folder / "damaged" / "1" / "cache.db").read_bytes() == content
    assert check(folder).ok
    assert sound(folder) == []
    (folder / "cache.db").write_bytes(b"")
    assert repair(folder).aside == str(folder / "damaged" / "2")


def test_planted_triggers_and_settings_do_not_come_along(folder: Path) -> None:
    damage(folder, "CREATE TRIGGER planted AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END")
    assert check(folder).faults == ("its tables, indexes or triggers are others",)
    assert repair(folder).sound == COUNT
    assert sound(folder) == list(range(COUNT))


def leaves_swapped(path: Path) -> None:
    """Two pages of a table's rows change places, so that the rows are out of order and all whole."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    first, second = [
        at for at in range(size, len(data), size) if data[at] == 0x0D and data[at + 8 : at + size].strip(b"\0")
    ][-2:]
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]
    path.write_bytes(data)


def test_rows_out_of_order_are_read_once_and_the_check_ends(folder: Path) -> None:
    leaves_swapped(folder / "cache.db")
    report = check(folder)
    assert any("out of order" in fault for fault in report.faults)
    assert (repair(folder).sound, check(folder).ok) == (COUNT, True)
    assert sound(folder) == list(range(COUNT))


def test_a_view_that_never_ends_is_never_read(folder: Path) -> None:
    damage(folder, "DROP TABLE Cache")
    damage(
        folder,
        "CREATE VIEW Cache AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS rowid, "
        "'k' AS key, 1 AS raw, 0 AS expire_time, 0 AS tag, 1 AS mode, NULL AS filename, 'v' AS value "
        "FROM n WHERE i < 0",
    )
    assert check(folder).faults == ("its tables, indexes or triggers are others",)
    assert repair(folder).sound == 0
    assert check(folder).ok


def test_what_is_set_aside_goes_through_no_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "damaged").symlink_to(tmp_path / "elsewhere")
    (folder / "cache.db").write_bytes(b"none")
    with pytest.raises(StoreError, match="damaged is a link, and a folder belongs there"):
        repair(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (folder / "cache.db").read_bytes() == b"none"


def test_a_cache_of_another_version_is_neither_checked_nor_repaired(folder: Path) -> None:
    damage(folder, "PRAGMA user_version = 2")
    before = (folder / "cache.db").read_bytes()
    for act in (check, repair):
        with pytest.raises(StoreError, match="is of format 2, and this version reads format 1"):
            act(folder)
    assert (folder / "cache.db").read_bytes() == before
    assert not (folder / "damaged").exists()


def test_a_run_that_has_the_cache_open_is_told_of_the_repair(folder: Path) -> None:
    with Store(folder) as store:
        damage(folder, "UPDATE Cache SET mode = 2 WHERE rowid = 1")
        repair(folder)
        with pytest.raises(StoreError, match="was deleted, emptied or replaced while it was in use"):
            store.put(a_record(-1))


def repaired_after_flips(folder: Path, flips: int, seed: int) -> None:
    """Whatever bit flips: a repair leaves a sound cache, without a wrong record, or refuses by name."""
    content = (folder / "cache.db").read_bytes()
    chance = random.Random(seed)
    for _ in range(flips):
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        (folder / "cache.db").write_bytes(changed)
        if changed[60:64] != content[60:64]:  # the format's number
            with pytest.raises(StoreError, match="this version reads format 1"):
                repair(folder)
            continue
        report = repair(folder)
        assert len(sound(folder)) == report.sound
        assert check(folder).ok


def test_a_repair_after_a_flipped_bit_leaves_a_sound_cache(folder: Path) -> None:
    repaired_after_flips(folder, 15, seed=3)


@pytest.mark.slow
def test_a_repair_after_any_flipped_bit_leaves_a_sound_cache(folder: Path) -> None:
    repaired_after_flips(folder, 120, seed=4)
