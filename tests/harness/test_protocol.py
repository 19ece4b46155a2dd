"""The line between workers and the run: one JSON object each way, for many at once, and an end for all at once."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evals.harness.protocol import Ask, Listener, WorkerLine
from papillon.errors import InfrastructureError, PapillonError

STOPPED = r"^The run was stopped before this item had its result; run again to go on\.$"


@pytest.fixture
def opened() -> Iterator[list[Listener | WorkerLine]]:
    """What a test opens, closed in the end."""
    found: list[Listener | WorkerLine] = []
    yield found
    for each in reversed(found):
        each.close()


def listen(opened: list[Listener | WorkerLine], answer: Ask) -> Listener:
    opened.append(listener := Listener(answer))
    return listener


def connect(opened: list[Listener | WorkerLine], listener: Listener) -> WorkerLine:
    opened.append(line := WorkerLine(listener.path))
    return line


def echo(question: dict[str, Any]) -> dict[str, Any]:
    return {"asked": question}


def test_any_json_object_comes_back_as_it_went(opened: list[Listener | WorkerLine]) -> None:
    line = connect(opened, listen(opened, echo))
    for question in (
        {},
        {"text": 'two\nlines "quoted" \u2028 ünïcode 会议 \ud800', "none": None, "numbers": [1, 0.1, -3]},
        {"long": "x" * 300_000},
    ):
        assert line(question) == {"asked": question}


def test_many_workers_ask_at_once_and_each_gets_its_own_answer(opened: list[Listener | WorkerLine]) -> None:
    meet = threading.Barrier(16, timeout=10)

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        if question["n"] == 0:
            meet.wait()  # passes only when all workers are being answered at the same time
        return question

    listener = listen(opened, answer)
    lines = [connect(opened, listener) for _ in range(16)]

    def worker(number: int) -> bool:
        return all(lines[number]({"worker": number, "n": n}) == {"worker": number, "n": n} for n in range(20))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(worker, range(16)))


def test_closing_ends_those_who_wait_at_once(opened: list[Listener | WorkerLine]) -> None:
    asked, let_go = threading.Semaphore(0), threading.Event()

    def never(question: dict[str, Any]) -> dict[str, Any]:
        asked.release()
        let_go.wait(10)
        return {}

    listener = listen(opened, never)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(connect(opened, listener), {}) for _ in range(4)]
        assert all(asked.acquire(timeout=5) for _ in waiting)
        started = time.monotonic()
        listener.close()
        for each in waiting:
            with pytest.raises(InfrastructureError, match=STOPPED):
                each.result(timeout=5)
        assert time.monotonic() - started < 2
        # An answer that comes after all is for nobody, and no thread may die of it.
        let_go.set()
    until_threads_ended()


def until_threads_ended() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("papillon-worker-line"):
            thread.join(5)
            assert not thread.is_alive()


def test_who_asks_after_the_end_is_told_so(opened: list[Listener | WorkerLine]) -> None:
    listener = listen(opened, echo)
    line = connect(opened, listener)
    line({})
    listener.close()
    for _ in range(2):
        with pytest.raises(InfrastructureError, match=STOPPED):
            line({})


def test_who_comes_after_the_end_is_told_so(opened: list[Listener | WorkerLine]) -> None:
    listener = listen(opened, echo)
    listener.close()
    with pytest.raises(InfrastructureError, match=STOPPED):
        connect(opened, listener)({})


def test_a_worker_that_leaves_disturbs_nobody(opened: list[Listener | WorkerLine]) -> None:
    gone: Future[None] = Future()

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        if question.get("slow"):
            gone.result(5)
        return question

    listener = listen(opened, answer)
    leaving, staying = connect(opened, listener), connect(opened, listener)
    leaving._stream.write(b'{"slow": true}\n')
    leaving._stream.flush()
    leaving.close()
    gone.set_result(None)
    assert staying({"here": 1}) == {"here": 1}


@pytest.mark.parametrize("error", [InfrastructureError("The endpoint is down."), KeyError("dev-0001"), ValueError("x")])
def test_what_goes_wrong_while_answering_reaches_the_worker_and_the_line_lives_on(
    opened: list[Listener | WorkerLine], error: Exception
) -> None:
    def answer(question: dict[str, Any]) -> dict[str, Any]:
        if question:
            raise error
        return {"fine": True}

    line = connect(opened, listen(opened, answer))
    with pytest.raises(PapillonError) as raised:
        line({"ask": "trouble"})
    assert str(error.args[0]) in str(raised.value)
    assert line({}) == {"fine": True}


def test_the_folder_is_private_and_goes_with_the_listener(opened: list[Listener | WorkerLine]) -> None:
    listener = listen(opened, echo)
    folder = Path(listener.path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["run.sock"]
    listener.close()
    assert not folder.exists()
    listener.close()  # twice is no harm


def test_it_works_under_a_long_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Listener | WorkerLine]
) -> None:
    # A socket's path holds about a hundred bytes.
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert connect(opened, listen(opened, echo))({}) == {"asked": {}}
