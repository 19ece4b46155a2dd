"""Damaged files of a cache: never a wrong answer, and never a call that was recorded paid again without a word."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Store, check, repair
from tests.faults.campaign import SEED, drawing, points
from tests.faults.processes import DEV
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer
from tests.papillon.store.samples import a_call, a_record
from tests.papillon.store.test_journal import records, writing

#: How many records each cache has.
MANY = 24


def answer(number: int) -> str:
    """What the writer of :mod:`tests.papillon.store.test_journal` records."""
    return "x" * (number * 37 % 3000)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A cache whose records lie in its journal, as one leaves it that was killed."""
    with writing(tmp_path / "killed") as process:
        records(process, MANY)
    return tmp_path / "killed"


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """A cache whose records lie in its database."""
    with Store(tmp_path / "ended") as store:
        store.put_all(a_record(number, text=answer(number)) for number in range(MANY))
    return tmp_path / "ended"


def flipped(file: Path, chance: random.Random) -> None:
    with file.open("r+b") as opened:
        place = chance.randrange(file.stat().st_size)
        (byte,) = os.pread(opened.fileno(), 1, place)
        os.pwrite(opened.fileno(), bytes([byte ^ 1 << chance.randrange(8)]), place)


def cut(file: Path, chance: random.Random) -> None:
    os.truncate(file, chance.randrange(file.stat().st_size))


def zeroed(file: Path, chance: random.Random) -> None:
    """As a disk leaves a sector that it did not write."""
    with file.open("r+b") as opened:
        os.pwrite(opened.fileno(), bytes(512), chance.randrange(file.stat().st_size) // 512 * 512)


def gone(file: Path, chance: random.Random) -> None:
    file.unlink()


#: What happens to which file: its name, how, and how often it is drawn.
DAMAGE: dict[str, tuple[str, Callable[[Path, random.Random], None], int]] = {
    "bits of the database": ("cache.db", flipped, 200),
    "bits of the journal": ("cache.db-wal", flipped, 200),
    "bits of the index": ("cache.db-shm", flipped, 50),
    "the database cut": ("cache.db", cut, 50),
    "the journal cut": ("cache.db-wal", cut, 50),
    "sectors of the database": ("cache.db", zeroed, 50),
    "sectors of the journal": ("cache.db-wal", zeroed, 50),
    "the journal gone": ("cache.db-wal", gone, 1),
    "the index gone": ("cache.db-shm", gone, 1),
}


def told_or_right(folder: Path) -> bool:
    """Whether all records are right; False where a sentence came instead, and never a record missing in silence."""
    said = ""
    try:
        with Store(folder) as store:
            for number in range(MANY):
                assert store.get(a_call(number).key) == a_record(number, text=answer(number)), number
    except StoreError as error:
        said = str(error)
    assert not said or f"run `python -m papillon cache repair {folder}`" in said or "this version reads" in said
    return not said


def damaged(what: str, many: int, killed: Path, ended: Path) -> int:
    """Damage it so many times; how often that was told."""
    name, harm, _ = DAMAGE[what]
    chance, told = drawing(what), 0
    sources = [killed] if name != "cache.db" else [killed, ended]
    for number in range(many):
        folder = shutil.copytree(chance.choice(sources), killed.parent / f"{what} {number}")
        harm(folder / name, chance)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        if told_or_right(folder):
            continue
        told += 1
        if "this version reads" not in str(check_fault(folder)):
            assert before[folder / "cache.db"] == (folder / "cache.db").read_bytes() or name == "cache.db"
            kept = repair(folder).sound
            assert check(folder).ok
            with Store(folder) as store:
                found = store.sound(a_call(each).key for each in range(MANY))
                assert len(store) == kept
                assert all(found[key].answer.text in {answer(each) for each in range(MANY)} for key in found)
        shutil.rmtree(folder)
    return told


def check_fault(folder: Path) -> str:
    try:
        return str(check(folder))
    except StoreError as error:
        return str(error)


@pytest.mark.faults
@pytest.mark.parametrize("what", DAMAGE)
def test_no_damage_gives_a_wrong_answer_or_is_paid_for_in_silence(what: str, killed: Path, ended: Path) -> None:
    told = damaged(what, points(DAMAGE[what][2]), killed, ended)
    assert told or DAMAGE[what][0] == "cache.db-shm" or DAMAGE[what][2] < 200


def test_some_damage_gives_no_wrong_answer_and_is_not_paid_for_in_silence(killed: Path, ended: Path) -> None:
    for what in DAMAGE:
        damaged(what, 3, killed, ended)


@pytest.mark.faults
def test_a_run_on_a_damaged_cache_pays_nothing_and_one_after_a_repair_only_what_was_lost(evaluator: Evaluator) -> None:
    chance = drawing("runs on damage")
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        assert evaluator.run(*DEV, "--eval-profile", profile).code == 0
        (evaluator.cache / "rows.db").unlink()
        whole, sound = evaluator.cache, check(evaluator.cache).sound
        for number in range(points(20)):
            evaluator.cache = shutil.copytree(whole, evaluator.folder / f"cache-{number}")
            (flipped, cut, zeroed)[number % 3](evaluator.cache / "cache.db", chance)
            before = server.calls
            run = evaluator.run(*DEV, "--eval-profile", profile)
            assert server.calls == before, f"seed {SEED}"
            if run.code == 0:
                continue
            assert "cache repair" in run.out or "this version reads" in run.out
            assert "Traceback" not in run.out
            if "this version reads" in run.out:
                continue
            lost = sound - repair(evaluator.cache).sound
            again = evaluator.run(*DEV, "--eval-profile", profile)
            assert again.code == 0, again.out
            assert server.calls == before + lost


@pytest.mark.faults
def test_a_folder_that_is_read_only_replays_and_pays_nothing(evaluator: Evaluator) -> None:
    """As root nothing is read-only but a disk that is mounted so."""
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        assert evaluator.run(*DEV, "--eval-profile", profile).code == 0
        asked = server.calls
        mount = ["mount", "--bind", "-o", "ro", str(evaluator.cache), str(evaluator.cache)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root can mount a folder, and not everywhere")
        try:
            assert evaluator.run(*DEV, "--eval-profile", profile).code == 0
            more = evaluator.run("evals", "-m", "dev", "--eval-limit", "14", "--eval-profile", profile)
        finally:
            subprocess.run(["umount", "--lazy", str(evaluator.cache)], check=True)
        assert more.code == 1
        assert "cannot be written" in " ".join(more.out.split()), more.out
        assert server.calls == asked
