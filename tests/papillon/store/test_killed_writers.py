"""A killed run loses nothing that was acknowledged, and frees what it held."""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from papillon.store import Store, check
from tests.papillon.store.samples import a_record, python

WRITER = """
import sys
from itertools import count
from pathlib import Path
from papillon.store import Store
from tests.papillon.store.samples import a_record
store = Store(Path(sys.argv[1]))
for number in count(int(sys.argv[2])):
    store.put(a_record(number, text="x" * (number * 37 % 9000)))
    print(number, flush=True)
"""


def killed_writers(folder: Path, kills: int, seed: int) -> None:
    """Kills two writers at a time, after one of them has acknowledged some hundred records at most."""
    chance = random.Random(seed)
    for kill in range(kills):
        writers = [python(WRITER, folder, (2 * kill + one) * 1_000_000) for one in (0, 1)]
        lines = [read_line(writers[0]) for _ in range(chance.randrange(1, 120))] + [read_line(writers[1])]
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            lines += rest(writer)
        with Store(folder) as store:
            for number in [int(line) for line in lines if line.endswith("\n")]:
                record = a_record(number, text="x" * (number * 37 % 9000))
                assert store.get(record.key) == record
    assert check(folder).ok


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def rest(process: subprocess.Popen[str]) -> list[str]:
    """What a killed process had written; ``communicate`` would miss what ``readline`` holds and begin in mid-line."""
    assert process.stdout is not None
    with process:
        return process.stdout.readlines()


def test_a_killed_writer_loses_no_acknowledged_record(tmp_path: Path) -> None:
    killed_writers(tmp_path / "cache", kills=3, seed=1)


@pytest.mark.slow
def test_twenty_times_two_killed_writers_lose_no_acknowledged_record(tmp_path: Path) -> None:
    killed_writers(tmp_path / "cache", kills=20, seed=2)
