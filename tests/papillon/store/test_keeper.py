"""The keeper: many records in one transaction, each acknowledged when it is there and told of its own failure."""

import asyncio
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Keeper, Record, Store
from papillon.store.failures import Locked
from tests.papillon.store.samples import a_call, a_record, python


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        yield opened


def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each transaction had, as they happen."""
    sizes: list[int] = []
    put_all = store.put_all

    def count(records: Iterator[Record], *, replace: bool = False) -> int:
        together = list(records)
        sizes.append(len(together))
        return put_all(together, replace=replace)

    monkeypatch.setattr(store, "put_all", count)
    return sizes


def test_records_of_one_moment_share_a_transaction_and_are_there_when_put_returns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, keeper = counted(store, monkeypatch), Keeper(store)

    async def put(number: int) -> bool:
        await keeper.put(a_record(number))
        return a_call(number).key in store

    async def main() -> None:
        assert all(await asyncio.gather(*(put(number) for number in range(40))))
        assert await put(40)

    asyncio.run(main())
    assert sizes == [40, 1]


@pytest.mark.parametrize(("replace", "kept"), [(False, "first"), (True, "second")])
def test_the_first_record_of_a_key_stays_unless_told_to_replace(store: Store, replace: bool, kept: str) -> None:
    store.put(a_record(text="first"))
    asyncio.run(Keeper(store, replace=replace).put(a_record(text="second")))
    record = store.get(a_call().key)
    assert record is not None
    assert record.answer.text == kept


def test_a_record_that_cannot_be_kept_fails_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(inner: Callable[..., bool], record: Record, **more: bool) -> bool:
        if record.key == a_call(1).key:
            raise StoreError("this one cannot be written")
        return inner(record, **more)

    put, put_all = store.put, store.put_all
    monkeypatch.setattr(store, "put", lambda record, **more: refuses(put, record, **more))

    def all_or_none(records: Iterator[Record], *, replace: bool = False) -> int:
        together = list(records)
        if any(record.key == a_call(1).key for record in together):
            raise StoreError("this one cannot be written")
        return put_all(together, replace=replace)

    monkeypatch.setattr(store, "put_all", all_or_none)
    keeper = Keeper(store)

    async def main() -> list[bool]:
        return await asyncio.gather(*(keeper.put(a_record(number)) for number in range(3)))

    assert asyncio.run(main()) == [True, False, True]
    assert str(keeper.failure) == "this one cannot be written"
    assert [a_call(number).key in store for number in range(3)] == [True, False, True]
    assert [*keeper.unkept] == [a_call(1).key]


def test_a_record_whose_task_is_cancelled_is_kept_all_the_same(store: Store) -> None:
    keeper = Keeper(store)

    async def main() -> None:
        task = asyncio.create_task(keeper.put(a_record()))
        await asyncio.sleep(0)  # it hands its record in
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await keeper.put(a_record(1))

    asyncio.run(main())
    assert a_call().key in store


def test_closing_leaves_no_journal(store: Store) -> None:
    async def main() -> None:
        keeper = Keeper(store)
        assert await keeper.put(a_record())
        assert (store.folder / "cache.db-wal").exists()
        await keeper.close()

    asyncio.run(main())
    assert [path.name for path in store.folder.iterdir()] == ["cache.db"]


class TestAStoreThatTakesNoRecords:
    @pytest.fixture
    def failed(self) -> list[str]:
        return []

    @pytest.fixture
    def keeper(self, store: Store, monkeypatch: pytest.MonkeyPatch, failed: list[str]) -> Keeper:
        def full(records: Iterator[Record], *, replace: bool = False) -> int:
            raise StoreError("the disk is full")

        store.put(a_record())
        monkeypatch.setattr(store, "put_all", full)
        monkeypatch.setattr(store, "put", full)
        return Keeper(store, failed=lambda failure: failed.append(str(failure)))

    def test_it_is_told_once_and_asked_for_no_other_call(self, keeper: Keeper, failed: list[str]) -> None:
        async def main() -> None:
            await keeper.ready()
            assert await asyncio.gather(*(keeper.put(a_record(number)) for number in (1, 2))) == [False, False]
            with pytest.raises(StoreError, match="the disk is full"):
                await keeper.get(a_call(3).key)
            with pytest.raises(StoreError, match="the disk is full"):
                await keeper.ready()

        asyncio.run(main())
        assert failed == ["the disk is full"]

    def test_what_it_has_and_what_it_did_not_take_is_given_all_the_same(self, keeper: Keeper) -> None:
        async def main() -> None:
            assert await keeper.put(a_record(1, text="paid for")) is False
            for number, text in ((0, "Nowhere."), (1, "paid for")):
                record = await keeper.get(a_call(number).key)
                assert record is not None
                assert record.answer.text == text

        asyncio.run(main())


@asynccontextmanager
async def a_loop_that_goes_on(longest: float = 0.2) -> AsyncIterator[None]:
    """Inside, the loop is never blocked for so many seconds."""
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    ticking = asyncio.create_task(tick())
    yield
    await asyncio.sleep(0)
    ticking.cancel()
    assert max(gaps) < longest


#: Begins to write in a database, and does not end.
WRITER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1] + "/cache.db", isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("writes", flush=True)
sys.stdin.readline()
"""


class TestALockedStore:
    @pytest.fixture
    def other(self, store: Store) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(store.folder / "cache.db", isolation_level=None)) as held:
            yield held

    @pytest.mark.parametrize("before", ["opened", "used"])
    def test_a_record_waits_for_it_and_the_loop_does_not(
        self, store: Store, other: sqlite3.Connection, before: str
    ) -> None:
        keeper = Keeper(store)

        async def main() -> None:
            if before == "used":
                assert await keeper.put(a_record())
            other.execute("BEGIN IMMEDIATE")
            async with a_loop_that_goes_on():
                putting = asyncio.create_task(keeper.put(a_record(1)))
                await asyncio.sleep(0.5)
                assert not putting.done()
                other.execute("ROLLBACK")
                assert await putting
            await keeper.close()

        asyncio.run(main())

    def test_one_who_keeps_even_readers_out_is_waited_for_and_the_loop_is_not(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.put(a_record())
        find, until = store.find, time.monotonic() + 0.4

        def locked(key: str) -> Record | None:
            if time.monotonic() < until:
                raise Locked("nobody may read")
            return find(key)

        monkeypatch.setattr(store, "find", locked)

        async def main() -> None:
            async with a_loop_that_goes_on():
                assert await Keeper(store).get(a_call().key) == a_record()

        asyncio.run(main())

    def test_after_its_patience_nothing_else_waits_for_it(
        self, store: Store, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("papillon.store.keeper.PATIENCE", 0.5)
        keeper = Keeper(store)

        async def main() -> None:
            await keeper.ready()
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            assert await asyncio.gather(*(keeper.put(a_record(number)) for number in range(5))) == [False] * 5
            assert await keeper.put(a_record(5)) is False
            assert 0.5 <= time.monotonic() - began < 1

        asyncio.run(main())
        assert re.search(r" has kept the cache .* locked for \d s: end that process", str(keeper.failure))
        other.execute("ROLLBACK")
        assert len(store) == 0

    def test_a_stop_ends_the_wait_within_a_second(self, store: Store, other: sqlite3.Connection) -> None:
        stopped: list[bool] = []
        keeper = Keeper(store, stopped=lambda: bool(stopped))

        async def main() -> None:
            await keeper.ready()
            other.execute("BEGIN IMMEDIATE")
            putting = asyncio.create_task(keeper.put(a_record()))
            await asyncio.sleep(0.2)
            stopped.append(True)
            assert await asyncio.wait_for(putting, 0.9) is False
            assert [*keeper.unkept] == [a_call().key]

        asyncio.run(main())

    def test_a_stop_gives_a_record_the_time_that_others_writing_takes(
        self, store: Store, other: sqlite3.Connection
    ) -> None:
        keeper = Keeper(store, stopped=lambda: True)

        async def main() -> None:
            await keeper.ready()
            other.execute("BEGIN IMMEDIATE")
            putting = asyncio.create_task(keeper.put(a_record()))
            await asyncio.sleep(0.1)
            other.execute("ROLLBACK")
            assert await putting

        asyncio.run(main())
        assert a_call().key in store

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
    def test_who_keeps_it_is_named_to_the_user_while_it_is_waited_for(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("papillon.store.keeper.NAMED_AFTER", 0.1)
        said: list[str] = []
        keeper = Keeper(store, say=said.append)
        process = python(WRITER, store.folder, stdin=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"

        async def main() -> None:
            putting = [asyncio.create_task(keeper.put(a_record(number))) for number in range(3)]
            await asyncio.sleep(0.5)
            process.communicate("done\n")
            assert await asyncio.gather(*putting) == [True] * 3

        asyncio.run(main())
        (sentence,) = said
        assert re.fullmatch(
            rf"The cache {re.escape(str(store.folder))} is locked by process {process.pid} \(python.*\); "
            r"it is waited for, 30 s at most\.",
            sentence,
        )
