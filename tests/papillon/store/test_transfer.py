"""Recorded calls as text: the same bytes everywhere, and nothing altered comes in."""

import gzip
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from papillon.bounds import LONGEST_CALL, LONGEST_RECORD, LONGEST_REPLY
from papillon.errors import DataError, StoreError
from papillon.store import Answer, Call, Imported, Record, Store, Usage, export_records, import_records
from tests.papillon.store.samples import a_call, a_record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        yield opened


def exported(tmp_path: Path, *records: Record) -> Path:
    path = tmp_path / "calls.jsonl"
    export_records(records, path)
    return path


def test_an_export_is_the_same_bytes_from_any_store_in_any_order(store: Store, tmp_path: Path) -> None:
    records = [a_record(number, text=f"\ud800\u2028\n{number}") for number in range(30)]
    first = exported(tmp_path, *records)
    assert import_records(first, store) == Imported(added=30, present=0, different=0)
    second = tmp_path / "again.jsonl"
    assert export_records(reversed([*store.records(), *records[:5]]), second) == 30
    assert second.read_bytes() == first.read_bytes()
    lines = [json.loads(line) for line in first.read_bytes().split(b"\n")[:-1]]
    assert [line["key"] for line in lines] == sorted(record.key for record in records)
    assert {line["record"]["answer"]["text"] for line in lines} == {record.answer.text for record in records}


def test_one_changed_answer_is_one_changed_line(tmp_path: Path) -> None:
    before = exported(tmp_path, *map(a_record, range(9))).read_bytes().split(b"\n")
    after = exported(tmp_path, *map(a_record, range(8)), a_record(8, text="!")).read_bytes().split(b"\n")
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_what_is_there_stays_and_is_counted(store: Store, tmp_path: Path) -> None:
    store.put(a_record(0, text="first"))
    store.put(a_record(1))
    path = exported(tmp_path, a_record(0, text="second"), a_record(1), a_record(2))
    imported = import_records(path, store)
    assert imported == Imported(added=1, present=2, different=1)
    assert str(imported) == (
        "1 recorded calls added, 2 were there already, 1 of them with another answer: the one that was there stays"
    )
    kept = store.get(a_call(0).key)
    assert kept is not None
    assert kept.answer.text == "first"
    assert str(import_records(path, store)).startswith("0 recorded calls added, 3 were there already, 1 of them")


def test_a_file_may_hold_a_call_twice_as_joined_exports_do(store: Store, tmp_path: Path) -> None:
    lines = [a_record(0), a_record(1), a_record(0), a_record(1, text="other")]
    path = tmp_path / "joined.jsonl"
    path.write_bytes(b"\r\n".join(record.to_text().encode() for record in lines) + b"\n\n")
    assert import_records(path, store) == Imported(added=2, present=2, different=1)
    kept = store.get(a_call(1).key)
    assert kept is not None
    assert kept.answer.text == "Nowhere."


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Nowhere", "Oregon!", "its checksum does not fit its contents"),
        ('"trial":0', '"trial":1', "its checksum does not fit its contents"),
        ('"input":31', '"input":32', "its checksum does not fit its contents"),
        ('{"checksum"', '{ "checksum"', "it is not in the form in which a call is recorded"),
        ("}", "", "it is not in the form in which a call is recorded"),
    ],
)
def test_a_line_that_was_altered_is_refused_and_nothing_imported(
    store: Store, tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = exported(tmp_path, *map(a_record, range(5)))
    lines = path.read_text().split("\n")
    lines[3] = lines[3].replace(old, new)
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as refused:
        import_records(path, store)
    assert str(refused.value) == (
        f"Line 4 of {path} is not a recorded call as it was exported ({words}): export it anew; nothing was imported."
    )
    assert len(store) == 0


def test_a_record_under_another_calls_key_is_refused(store: Store, tmp_path: Path) -> None:
    record = a_record()
    path = exported(tmp_path, Record(a_call(1).key, record.call, record.answer, record.usage))
    with pytest.raises(DataError, match=r"Line 1 of .* \(its key is not the key of its call\)"):
        import_records(path, store)


def test_a_record_that_was_written_otherwise_but_rightly_is_kept_as_it_is(store: Store, tmp_path: Path) -> None:
    record = a_record()
    text = record.to_text()
    vars(record)["_body"] = json.dumps(json.loads(text)["record"], indent=1).replace("\n", " ")
    del vars(record)["checksum"]
    path = exported(tmp_path, record)
    assert import_records(path, store).added == 1
    assert [kept.to_text() for kept in store.records()] == [path.read_text().rstrip("\n")]


def test_a_line_that_would_fill_the_memory_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("transfer", "records"):
        monkeypatch.setattr(f"papillon.store.{module}.LONGEST_RECORD", 1000)
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"[" * 5000)
    with pytest.raises(DataError, match=r"Line 1 of .* \(it is longer than 1000 bytes\)"):
        import_records(path, store)


def test_a_file_that_cannot_be_read_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"The recorded calls of .*none\.jsonl cannot be read \(.*No such file"):
        import_records(tmp_path / "none.jsonl", store)


def test_an_export_that_fails_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = exported(tmp_path, a_record())
    before = path.read_bytes()

    def broken() -> Iterator[Record]:
        yield a_record(1)
        raise StoreError("the third is damaged")

    with pytest.raises(StoreError, match="the third is damaged"):
        export_records(broken(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StoreError, match=r"could not be exported to .*no/calls\.jsonl \(.*No such file"):
        export_records([a_record()], tmp_path / "no" / "calls.jsonl")


class TestPacked:
    def test_it_holds_the_lines_of_the_plain_one_and_no_time_or_name(self, store: Store, tmp_path: Path) -> None:
        plain = exported(tmp_path, *map(a_record, range(30)))
        packed = tmp_path / "calls.jsonl.gz"
        assert export_records(map(a_record, range(30)), packed) == 30
        assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
        assert packed.read_bytes()[3:8] == bytes(5)
        assert packed.stat().st_mode & 0o777 == 0o600
        assert import_records(packed, store) == Imported(added=30, present=0, different=0)

    @pytest.mark.parametrize(
        "damage", [lambda data: data[:-9], lambda data: b"x" + data, lambda data: data[:40] + b"!!" + data[42:]]
    )
    def test_one_that_is_damaged_is_named_and_nothing_is_imported(
        self, store: Store, tmp_path: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        packed = tmp_path / "calls.jsonl.gz"
        export_records(map(a_record, range(30)), packed)
        packed.write_bytes(damage(packed.read_bytes()))
        with pytest.raises(DataError, match=r"The recorded calls of .*calls\.jsonl\.gz cannot be read \("):
            import_records(packed, store)
        assert len(store) == 0

    def test_lines_without_end_that_hold_nothing_are_refused(self, store: Store, tmp_path: Path) -> None:
        packed = tmp_path / "calls.jsonl.gz"
        packed.write_bytes(gzip.compress(b"\n" * 1001))
        with pytest.raises(DataError, match=r"calls\.jsonl\.gz has more than 1000 blank lines: export it anew"):
            import_records(packed, store)

    def test_a_few_bytes_that_unpack_to_any_number_are_refused(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("papillon.store.transfer.MOST_UNPACKED", 10_000)
        packed = tmp_path / "calls.jsonl.gz"
        packed.write_bytes(gzip.compress(b" " * 20_000))
        with pytest.raises(DataError, match=r"calls\.jsonl\.gz unpacks to more than 10000 bytes: import it in parts"):
            import_records(packed, store)

    def test_what_could_not_be_imported_is_not_exported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("papillon.store.transfer.MOST_UNPACKED", 10_000)
        packed = tmp_path / "calls.jsonl.gz"
        with pytest.raises(
            StoreError, match=r"take more than the 10000 bytes that an import unpacks; name a file with"
        ):
            export_records(map(a_record, range(30)), packed)
        assert list(tmp_path.iterdir()) == []
        assert export_records(map(a_record, range(30)), tmp_path / "calls.jsonl") == 30


def test_many_long_lines_are_never_held_together(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("papillon.store.store.LONGEST_BATCH", 50_000)
    path = exported(tmp_path, *(a_record(number, text="x" * 20_000) for number in range(20)))
    held, most = 0, 0
    read = Record.from_text

    def counted(text: bytes) -> Record:
        nonlocal held, most
        record = read(text)
        held, most = held + 1, max(most, held + 1)
        weakref.finalize(record, let_go)
        return record

    def let_go() -> None:
        nonlocal held
        held -= 1

    monkeypatch.setattr(Record, "from_text", counted)
    assert import_records(path, store).added == 20
    assert most <= 7


def test_the_longest_call_with_the_longest_reply_is_kept_exported_and_imported(store: Store, tmp_path: Path) -> None:
    call = Call({"messages": ["\x01" * (LONGEST_CALL // 6 - 9)]})
    record = Record.of(call, Answer("\x02" * (LONGEST_REPLY // 6), "stop"), Usage(1, 1))
    assert store.put(record)
    path = exported(tmp_path, *store.records())
    with Store(tmp_path / "other") as other:
        assert import_records(path, other).added == 1


def test_a_record_that_could_not_be_imported_is_not_kept(store: Store) -> None:
    record = Record.of(a_call(), Answer("\x02" * (LONGEST_RECORD // 6), "stop"), Usage(1, 1))
    with pytest.raises(StoreError, match=r"a record holds at most 16777216 bytes, and this one holds more"):
        store.put(record)
