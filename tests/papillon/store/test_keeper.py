"""The keeper: many records in one transaction, each acknowledged when it is there and told of its own failure."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from papillon.errors import StoreError
from papillon.store import Keeper, Record, Store
from tests.papillon.store.samples import a_call, a_record


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

    async def main() -> list[BaseException | None]:
        return await asyncio.gather(*(keeper.put(a_record(number)) for number in range(3)), return_exceptions=True)

    outcomes = asyncio.run(main())
    assert outcomes[0] is outcomes[2] is None
    assert str(outcomes[1]) == "this one cannot be written"
    assert [a_call(number).key in store for number in range(3)] == [True, False, True]


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
