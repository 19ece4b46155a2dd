"""A repair keeps what is readable, in one step, and whoever is killed in it has lost nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Store, check, repair
from tests.papillon.store.samples import a_call, a_record, damage, python
from tests.papillon.store.test_journal import HEADER, PAGE, flip, records, writing

COUNT = 72


def text(number: int) -> str:
    return f"{number}. " + "long " * (number * 131 % 1100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache of 72 records, of one to seven kilobytes each."""
    with Store(tmp_path / "cache") as store:
        for number in range(COUNT):
            store.put(a_record(number, text=text(number)))
    return tmp_path / "cache"


def sound(folder: Path) -> list[int]:
    with Store(folder) as store:
        return [n for n in range(COUNT) if store.get(a_call(n).key) == a_record(n, text=text(n))]


@pytest.mark.parametrize(("cut", "least"), [(4096, 70), (40_960, 60), (0, 30)], ids=["4 KB", "40 KB", "half"])
def test_what_is_readable_of_a_file_that_was_cut_is_kept(folder: Path, cut: int, least: int) -> None:
    size = (folder / "cache.db").stat().st_size
    os.truncate(folder / "cache.db", size - (cut or size // 2))
    report = check(folder)
    assert not report.ok
    repaired = repair(folder)
    assert repaired.sound == report.sound == len(sound(folder)) >= least
    assert check(folder).ok


def test_a_damaged_head_costs_no_record(folder: Path) -> None:
    content = (folder / "cache.db").read_bytes()
    for head in (b"\0" * 100, os.urandom(4096)):
        (folder / "cache.db").write_bytes(head + content[len(head) :])
        assert repair(folder).sound == COUNT
        assert sound(folder) == list(range(COUNT))


def test_behind_a_damaged_page_of_the_journal_all_others_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with writing(folder, 1) as process:  # records of one page or less
        records(process, 60)
    journal = (folder / "cache.db-wal").read_bytes()
    flip(folder / "cache.db-wal", HEADER.size + 9 * PAGE + 2000)
    report = check(folder)
    (fault,) = report.faults
    assert "of its journal" in fault
    assert report.sound >= 60, "each page stands in the journal once for each record that came to it"
    repaired = repair(folder)
    assert repaired.sound == report.sound
    assert (folder / "damaged" / "1" / "cache.db-wal").stat().st_size == len(journal)
    assert sorted(os.listdir(folder)) == ["cache.db", "damaged"]
    with Store(folder) as store:
        assert all(store.get(a_call(number).key) is not None for number in range(60))


def test_the_newest_record_of_a_key_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    code = (
        "import sys, os; from pathlib import Path; from papillon.store import Store\n"
        "from tests.papillon.store.samples import a_record\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for text in ('first', 'second', 'third'): store.put(a_record(text=text), replace=True)\n"
        "store.put(a_record(1)); os._exit(9)\n"
    )
    python(code, folder).communicate()
    flip(folder / "cache.db-wal", HEADER.size + 100)
    assert repair(folder).sound == 2
    with Store(folder) as store:
        record = store.get(a_call().key)
        assert record is not None
        assert record.answer.text == "third"


def test_what_is_set_aside_is_private(folder: Path) -> None:
    damage(folder, "UPDATE Cache SET mode = 2 WHERE rowid = 1")
    before = os.umask(0)
    try:
        aside = Path(str(repair(folder).aside))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o077 for path in (aside.parent, aside, *aside.iterdir())] == [0] * 4


def test_who_writes_meanwhile_is_waited_for(folder: Path) -> None:
    damage(folder, "UPDATE Cache SET mode = 2 WHERE rowid = 1")
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = python("import sys; from papillon.__main__ import main; sys.exit(main())", "cache", "repair", folder)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=4)
        other.execute("ROLLBACK")
        assert "1 damaged" in process.communicate(timeout=30)[0]


def test_a_record_that_a_repair_overtook_is_not_acknowledged(folder: Path) -> None:
    damage(folder, "UPDATE Cache SET mode = 2 WHERE rowid = 1")
    with Store(folder) as store:
        store.make_ready()
        require = store.require_in_place
        store.require_in_place = lambda: (require(), repair(folder), setattr(store, "require_in_place", require))[0]  # type: ignore[method-assign, func-returns-value]
        with pytest.raises(StoreError, match="was deleted, emptied or replaced while it was in use"):
            store.put(a_record(-1))


#: Repairs, and is killed in the place of the n-th of the steps that change the folder.
KILLED = """
import os, signal, sys
from pathlib import Path
from papillon.store import repair
left = int(sys.argv[2])
def killing(step):
    def stepped(*given, **named):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*given, **named)
    return stepped
for name in ("rename", "replace", "link", "unlink", "mkdir", "rmdir"):
    setattr(os, name, killing(getattr(os, name)))
repair(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_who_is_killed_at_any_step_of_a_repair_loses_nothing_and_can_go_on(tmp_path: Path) -> None:
    with writing(tmp_path / "begun", 1) as process:
        records(process, 30)
    flip(tmp_path / "begun" / "cache.db-wal", HEADER.size + 9 * PAGE + 2000)
    steps = 0
    while True:
        steps += 1
        folder = shutil.copytree(tmp_path / "begun", tmp_path / str(steps))
        killed = python(KILLED, folder, steps)
        said = killed.communicate()[1]
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, said
        report = check(folder)
        if not report.ok:
            with pytest.raises(StoreError, match="run `python -m papillon cache repair"):
                Store(folder)
            assert repair(folder).aside
        assert check(folder).ok
        with Store(folder) as store:
            assert all(store.get(a_call(number).key) is not None for number in range(30)), steps
    assert steps > 5


@pytest.mark.slow
def test_who_is_killed_at_any_moment_of_a_repair_loses_nothing_and_can_go_on(folder: Path) -> None:
    chance = random.Random(7)
    size = (folder / "cache.db").stat().st_size
    os.truncate(folder / "cache.db", size - 4096)
    kept = check(folder).sound
    for _ in range(30):
        process = python("import sys; from papillon.__main__ import main; sys.exit(main())", "cache", "repair", folder)
        try:
            process.communicate(timeout=chance.uniform(0.2, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    repair(folder)
    assert len(sound(folder)) == kept


@pytest.mark.parametrize("what", ["file", "pipe", "link"])
def test_what_stands_where_damage_is_set_aside_is_named_and_left(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "cache"
    with Store(folder) as store:
        store.put_all(a_record(number) for number in range(40))
    os.truncate(folder / "cache.db", (folder / "cache.db").stat().st_size - 4096)
    place = folder / "damaged"
    {"file": place.touch, "pipe": lambda: os.mkfifo(place), "link": lambda: place.symlink_to("nowhere")}[what]()
    with pytest.raises(
        StoreError, match=rf"^Expected to set aside what is damaged in {place}, but .*; move what is there"
    ):
        repair(folder)
    assert os.path.lexists(place)
