"""Traces: a row's texts in the contract's shape, exact both ways, and read row by row from a file of anybody's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.evaluation.outcome import Fault, Heard
from evals.harness.reports.marked import Piece
from papillon.data import PupaRow
from papillon.errors import UsageError
from papillon.leaks import Place
from papillon.profile import ROOT
from papillon.results.traces import TRACES, Judgement, LeakedUnit, Trace, TracedCall, Traces
from papillon.store.records import Answer, Call, Record, Usage

TRACE = Trace(
    id="dev-0000-1f3c9a2e",
    trial=0,
    query="I am Ann Lee from Oslo.",
    redacted_query="I am [NAME] from [CITY].",
    units=("Ann Lee", "Oslo"),
    target="Hello Ann.",
    requests=("Where is Oslo?",),
    untrusted_responses=("In Norway.",),
    response="Hello.",
    unparsed=None,
    leaked_units=(LeakedUnit("Oslo", 0, "verbatim", 9, 13),),
    judge_extra=0,
    judge=(Judgement("leakage", None, 1, "Oslo", 1), Judgement("quality", "answer-first", True, "as good", 2)),
    calls=(TracedCall("local", "0" * 64, 31, 4, None, True),),
    error=None,
)

texts = st.text(alphabet=st.characters(), max_size=20)  # lone surrogates among them
counts = st.integers(0, 2**63 - 1)
traces = st.builds(
    Trace,
    id=texts,
    trial=counts,
    query=texts,
    units=st.tuples(texts),
    requests=st.tuples(texts, texts),
    untrusted_responses=st.tuples(texts, st.none()),
    unparsed=st.none() | texts,
    leaked_units=st.lists(st.builds(LeakedUnit, unit=texts, request=counts, start=counts, end=counts), max_size=2).map(
        tuple
    ),
    judge_extra=st.none() | counts,
    judge=st.lists(st.builds(Judgement, answer=st.booleans() | counts, reason=texts, attempts=counts), max_size=2).map(
        tuple
    ),
    calls=st.lists(
        st.builds(
            TracedCall,
            role=texts,
            input_tokens=st.none() | counts,
            output_tokens=st.none() | counts,
            cost_usd=st.none() | st.floats(0, 9),
        ),
        max_size=2,
    ).map(tuple),
)


@given(traces)
def test_a_trace_is_the_same_after_a_way_through_its_line(trace: Trace) -> None:
    line = trace.to_line()
    assert line.count(b"\n") == 1
    assert Trace.from_line(line) == trace
    assert Trace.from_line(line).to_line() == line


def test_the_shape_of_a_line_is_the_contracts() -> None:
    data = json.loads(TRACE.to_line())
    assert [*data] == [
        *("id", "trial", "query", "redacted_query", "units", "target"),
        *("requests", "untrusted_responses", "response", "unparsed"),
        *("leaked_units", "judge_extra", "judge", "calls", "error"),
    ]
    assert [*data["leaked_units"][0]] == ["unit", "request", "how", "start", "end"]
    assert [*data["judge"][0]] == ["question", "order", "answer", "reason", "attempts"]
    assert [*data["calls"][0]] == ["role", "key", "input_tokens", "output_tokens", "cost_usd", "replayed"]


def test_every_field_of_a_line_is_documented() -> None:
    table = (ROOT / "docs" / "traces.md").read_text().partition("| field |")[2]
    named = [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert named == [*json.loads(TRACE.to_line())]


def write(folder: Path, *lines: bytes) -> Traces:
    (folder / TRACES).write_bytes(b"".join(lines))
    return Traces(folder)


def test_they_are_read_in_the_files_order_and_found_by_id_and_trial(tmp_path: Path) -> None:
    second = replace(TRACE, trial=1, response="Hi.")
    traces = write(tmp_path, second.to_line(), TRACE.to_line())
    assert list(traces) == [second, TRACE]
    assert traces.find(TRACE.id) == TRACE
    assert traces.find(TRACE.id, 1) == second
    assert traces.find(TRACE.id, 2) is None
    assert traces.find("dev-0000") is None


def test_of_a_row_that_a_killed_run_wrote_twice_the_last_is_found(tmp_path: Path) -> None:
    again = replace(TRACE, response="Again.")
    assert write(tmp_path, TRACE.to_line(), again.to_line()).find(TRACE.id) == again


def test_some_rows_are_read_without_the_others(tmp_path: Path) -> None:
    lines = [replace(TRACE, id=f"dev-{number}").to_line() for number in range(3)]
    (tmp_path / TRACES).write_bytes(lines[0] + b"no line\n" + lines[1] + b'{"id": "dev-2", "trial": 0, "query": 3}\n')
    unread: list[str] = []
    found = list(Traces(tmp_path).of([("dev-1", 0), ("dev-2", 0), ("dev-3", 0)], unread))
    assert [trace.id for trace in found] == ["dev-1"]
    assert len(unread) == 1
    assert "in line 4 of" in unread[0]
    assert list(Traces(tmp_path).of([], unread)) == []


def test_finding_one_reads_no_other(tmp_path: Path) -> None:
    other = replace(TRACE, id="dev-0001-1f3c9a2e").to_line()[:-30] + b"\n"
    assert write(tmp_path, other, TRACE.to_line()).find(TRACE.id) == TRACE


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda line: line[: len(line) // 2], "the line is no JSON"),
        (lambda line: line.replace(b'"response"', b'"answer"'), "response is not there"),
        (lambda line: line.replace(b'"trial": 0', b'"trial": "none"'), "trial is a text where a whole number belongs"),
        (lambda line: line.replace(b'"verbatim"', b'"whole"'), "leaked_units[0].how is none of verbatim, near"),
        (lambda line: b"[1]\n", "the whole is a list where an object belongs"),
        (lambda line: b"\xff\xfe\n", "the line is no JSON"),
        (lambda line: b"[" * 100_000 + b"\n", "the line is no JSON"),
    ],
)
def test_a_damaged_line_is_one_sentence_with_file_and_line_and_none_of_its_text(
    tmp_path: Path, damage: Callable[[bytes], bytes], says: str
) -> None:
    traces = write(tmp_path, TRACE.to_line(), damage(TRACE.to_line()))
    rows = iter(traces)
    assert next(rows) == TRACE
    with pytest.raises(UsageError) as raised:
        next(rows)
    assert str(raised.value) == (
        f"Expected the trace of one row in line 2 of {tmp_path / TRACES}, but {says}; "
        "make the run again: what is recorded is replayed."
    )


def test_what_can_be_read_is_read_past_damaged_lines_of_which_each_is_told(tmp_path: Path) -> None:
    other, unread = replace(TRACE, trial=1), list[str]()
    traces = write(tmp_path, b"no JSON\n", TRACE.to_line(), other.to_line()[:-30] + b"\n", other.to_line())
    assert [*traces.readable(unread)] == [TRACE, other]
    assert [sentence.partition(",")[0] for sentence in unread] == [
        f"Expected the trace of one row in line {line} of {tmp_path / TRACES}" for line in (1, 3)
    ]
    with pytest.raises(UsageError, match="there is none"):
        next(Traces(tmp_path / "elsewhere").readable([]))


@pytest.mark.parametrize("place", ["link", "fifo", "folder", "nothing"])
def test_nothing_but_a_plain_file_is_read(tmp_path: Path, place: str) -> None:
    path = tmp_path / TRACES
    if place == "link":
        (tmp_path / "other").write_bytes(TRACE.to_line())
        path.symlink_to(tmp_path / "other")
    elif place == "fifo":
        os.mkfifo(path)
    elif place == "folder":
        path.mkdir()
    why = "there is none" if place == "nothing" else "it is no plain file"
    for read in (lambda: list(Traces(tmp_path)), lambda: Traces(tmp_path).find("dev")):
        with pytest.raises(UsageError) as raised:
            read()
        assert str(raised.value) == f"Expected a run's traces in {path}, but {why}; name another run."


def test_a_large_file_is_never_in_memory_whole(tmp_path: Path) -> None:
    import tracemalloc

    write(tmp_path, *(replace(TRACE, id=f"dev-{n:04d}", query="x" * 10_000).to_line() for n in range(1_000)))
    tracemalloc.start()
    assert sum(1 for _ in Traces(tmp_path)) == 1_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_what_holds_private_texts_shows_none_where_a_traceback_shows_it() -> None:
    row = PupaRow("hash", "letters", *(4 * ["secret"]))
    heard = Heard(("secret",), ("secret",), "secret", Fault("in no format", True, unparsed="secret"), unusable="secret")
    secret = replace(TRACE, **dict.fromkeys(("query", "redacted_query", "target", "response", "unparsed"), "secret"))
    secret = replace(secret, units=("secret",), requests=("secret",), untrusted_responses=("secret",))
    leaked, said = LeakedUnit("secret", 0, "near", 0, 6), Judgement("leakage", None, 1, "secret", 1)
    call = Call({"messages": "secret"})
    record = Record.of(call, Answer("secret", "stop"), Usage(1, 1))
    for one in (row, heard, secret, leaked, said, call, record, Place("secret", "near", 0, 6), Piece("secret")):
        assert "secret" not in repr(one)


def test_a_line_of_any_length_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / TRACES).write_bytes(TRACE.to_line())
    monkeypatch.setattr("papillon.results.traces.MOST_FILE", len(TRACE.to_line()))
    assert [*Traces(tmp_path)] == [TRACE]
    with (tmp_path / TRACES).open("ab") as file:
        file.truncate(2**40)
    for read in (lambda traces: [*traces.readable([])], lambda traces: traces.find("dev-1")):
        with pytest.raises(UsageError) as refused:
            read(Traces(tmp_path))
        assert str(refused.value) == (
            f"Expected a run's traces in {tmp_path / TRACES}, but it cannot be read (its line 2 holds more than "
            f"{len(TRACE.to_line())} bytes); name another run."
        )
