"""One caller per key at a time, over threads, event loops and processes; the dead hold nothing."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import KeyLocks
from tests.papillon.store.samples import a_call, python

KEY, OTHER = a_call().key, a_call(1).key

#: Takes the key, says so, and gives it back when told.
HOLDER = """
import asyncio, sys
from pathlib import Path
from papillon.store import KeyLocks
locks = KeyLocks.shared(Path(sys.argv[1]))
asyncio.run(locks.acquire(sys.argv[2]))
print("held", flush=True)
sys.stdin.readline()
locks.release(sys.argv[2])
print("released", flush=True)
"""


@pytest.fixture
def locks(tmp_path: Path) -> KeyLocks:
    return KeyLocks.shared(tmp_path)


def holder(folder: Path) -> subprocess.Popen[str]:
    process = python(HOLDER, folder, KEY, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_key_is_held_by_one(locks: KeyLocks) -> None:
    assert locks.try_acquire(KEY)
    assert not locks.try_acquire(KEY)
    assert locks.try_acquire(OTHER)
    locks.release(KEY)
    assert locks.try_acquire(KEY)
    assert locks.holder(KEY) == os.getpid()
    locks.release(KEY)
    locks.release(OTHER)
    assert locks.holder(KEY) is None


def test_what_is_not_held_cannot_be_released(locks: KeyLocks) -> None:
    with pytest.raises(RuntimeError, match=f"the key {KEY} is released, but this process does not hold it"):
        locks.release(KEY)


def test_a_folder_has_one_object_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert KeyLocks.shared(tmp_path / "real") is KeyLocks.shared(tmp_path / "link" / ".." / "real")
    assert KeyLocks.shared(tmp_path / "real") is not KeyLocks.shared(tmp_path)
    assert list((tmp_path / "real").iterdir()) == []


def test_processes_exclude_each_other(tmp_path: Path, locks: KeyLocks) -> None:
    process = holder(tmp_path)
    assert not locks.try_acquire(KEY)
    assert locks.holder(KEY) == process.pid
    assert locks.try_acquire(OTHER)
    locks.release(OTHER)
    process.communicate("go\n")
    assert locks.try_acquire(KEY)
    waiting = python(HOLDER, tmp_path, KEY, stdin=subprocess.PIPE)
    time.sleep(0.5)
    locks.release(KEY)
    said, _ = waiting.communicate("go\n", timeout=20)
    assert said == "held\nreleased\n"


def test_the_dead_hold_nothing(tmp_path: Path, locks: KeyLocks) -> None:
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert locks.try_acquire(KEY)
    locks.release(KEY)


def test_one_who_waits_for_a_stopped_process_gives_up_and_names_it(tmp_path: Path, locks: KeyLocks) -> None:
    process = holder(tmp_path)
    process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(StoreError) as refused:
        asyncio.run(locks.acquire(KEY, timeout=0.2, call="The call to the judge"))
    assert 0.2 <= time.monotonic() - started < 2
    said = str(refused.value)
    assert said.startswith(f"The call to the judge {KEY[:12]} is being made by process {process.pid} (")
    assert said.endswith(
        "stopped at the moment), and was not recorded within 0.2 s: let that process go on, or end it, and run again."
    )
    process.send_signal(signal.SIGCONT)
    process.communicate("go\n")


def test_no_time_is_too_long_for_a_caller_of_the_same_process_which_ends_by_itself(locks: KeyLocks) -> None:
    async def wait() -> None:
        assert locks.try_acquire(KEY)
        waiting = asyncio.create_task(locks.acquire(KEY, timeout=0.01))
        await asyncio.sleep(0.2)
        locks.release(KEY)
        await waiting
        locks.release(KEY)

    asyncio.run(wait())


def test_a_fork_holds_nothing_and_its_end_frees_nothing(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from papillon.store import KeyLocks
locks, key = KeyLocks.shared(Path(sys.argv[1])), sys.argv[2]
assert locks.try_acquire(key)
child = os.fork()
if not child:
    os._exit(int(locks.try_acquire(key)))
_, status = os.waitpid(child, 0)
child = os.fork()
if not child:
    os._exit(int(locks.holder(key) == os.getppid()))
_, seen = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), os.waitstatus_to_exitcode(seen), locks.holder(key) == os.getpid())
"""
    said, error = python(code, tmp_path, KEY).communicate()
    assert said == "0 1 True\n", error


def test_threads_and_event_loops_take_turns(locks: KeyLocks) -> None:
    inside: list[int] = []
    most = 0

    def enter() -> None:
        nonlocal most
        inside.append(1)
        most = max(most, len(inside))
        time.sleep(0.001)
        inside.pop()

    async def in_a_loop(callers: int) -> None:
        async def one() -> None:
            await locks.acquire(KEY)
            enter()
            locks.release(KEY)

        await asyncio.gather(*(one() for _ in range(callers)))

    with ThreadPoolExecutor(6) as pool:
        loops = [pool.submit(asyncio.run, in_a_loop(callers)) for callers in (20, 20, *[1] * 20)]
        for loop in loops:
            loop.result()
    assert most == 1
    assert locks.try_acquire(KEY)
    locks.release(KEY)


def test_those_of_one_process_wait_no_longer_than_they_must(locks: KeyLocks) -> None:
    async def measure() -> float:
        assert locks.try_acquire(KEY)
        waiting = asyncio.create_task(locks.acquire(KEY))
        await asyncio.sleep(0.3)
        locks.release(KEY)
        released = time.monotonic()
        await waiting
        locks.release(KEY)
        return time.monotonic() - released

    assert asyncio.run(measure()) < 0.25


def test_one_who_is_cancelled_while_waiting_holds_nothing(locks: KeyLocks) -> None:
    async def cancel() -> None:
        assert locks.try_acquire(KEY)
        waiting = asyncio.create_task(locks.acquire(KEY))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancel())
    locks.release(KEY)
    assert locks.try_acquire(KEY)
    locks.release(KEY)


def test_an_event_loop_goes_on_while_it_waits(locks: KeyLocks) -> None:
    async def count() -> int:
        steps = 0
        waiting = asyncio.create_task(locks.acquire(KEY))
        while not waiting.done():
            await asyncio.sleep(0.005)
            steps += 1
        locks.release(KEY)
        return steps

    assert locks.try_acquire(KEY)
    threading.Timer(0.2, locks.release, [KEY]).start()
    assert asyncio.run(count()) > 10


def test_five_hundred_keys_at_once_are_no_burden(locks: KeyLocks) -> None:
    keys = [a_call(number).key for number in range(512)]
    assert all(locks.try_acquire(key) for key in keys)
    for key in keys:
        locks.release(key)
    assert all(locks.holder(key) is None for key in keys)


def test_a_lock_file_that_goes_away_is_told(tmp_path: Path, locks: KeyLocks) -> None:
    assert locks.try_acquire(KEY)
    (tmp_path / "locks").unlink()
    with pytest.raises(StoreError, match=r"The file `locks` of the cache .* was deleted while it was in use"):
        locks.try_acquire(OTHER)


def test_a_link_in_the_place_of_the_lock_file_is_refused(tmp_path: Path, locks: KeyLocks) -> None:
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="has no file `locks` that can be written"):
        locks.try_acquire(KEY)
    assert not (tmp_path / "elsewhere").exists()
