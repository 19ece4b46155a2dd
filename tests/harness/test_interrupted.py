"""A run that is stopped, from the keyboard or by a kill, loses nothing that it has paid for and says how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from evals.harness.evaluation.examples import select_examples
from papillon.data import load
from papillon.profile import Profile
from papillon.store import Store
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.model_server import Failure, ModelServer

DEV = ("evals", "-m", "dev")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals a process group"),
]


def started(evaluator: Evaluator, server: ModelServer, *arguments: str) -> subprocess.Popen[str]:
    """A run in a group of its own, as a terminal would have it, that has asked the server a few times."""
    process = evaluator.start(*DEV, *arguments)
    deadline = time.monotonic() + 60
    while server.calls < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.calls >= 10
    return process


@alone_and_with_workers
def test_ctrl_c_stops_new_calls_records_those_in_flight_and_says_how_to_go_on(
    evaluator: Evaluator, workers: tuple[str, ...]
) -> None:
    with ModelServer() as server:
        server.holds = lambda number: number > 10
        profile = str(evaluator.profile(server.base, concurrency="4"))
        process = started(evaluator, server, *workers, "--eval-profile", profile)
        while server.in_flight < 4:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        ends = threading.Timer(60, process.kill)  # else nothing would, were Ctrl-C deaf
        ends.start()
        said = next(line for line in process.stdout if "Stopping:" in line)
        ends.cancel()
        assert "Stopping: calls in flight are waited for and recorded; Ctrl-C again ends at once." in said
        assert server.calls == 14
        server.holds = lambda number: False
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 2, out
        assert server.calls == 14
        with Store(evaluator.cache, read_only=True) as store:
            assert len(store) == 14
        assert "Run the same command again to go on" in out
        again = evaluator.run(*DEV, "--eval-profile", profile)
        assert again.code == 0, again.out
        assert server.calls == server.distinct


@pytest.mark.parametrize("how", ["ctrl-c", "x"])
@alone_and_with_workers
def test_a_stop_ends_the_pauses_before_calls_that_are_tried_again(
    evaluator: Evaluator, workers: tuple[str, ...], how: str
) -> None:
    options = ("-x",) if how == "x" else ()
    busy: Failure = (429, {"Retry-After": "15"}, "")

    def failing(body: dict[str, Any], number: int) -> Failure | None:
        if how == "ctrl-c":
            return busy if number > 10 else None
        return (400, {}, "") if any(first in message["content"] for message in body["messages"]) else busy

    # With -x the first item fails while the calls of others pause.
    dataset = load("mini")
    first = select_examples(dataset, Profile.split, limit=1, shard=None)["dev"][0].row.user_query[:40]
    with ModelServer(latency=0.1, failing=failing) as server:
        profile = str(evaluator.profile(server.base, concurrency="12"))
        process = evaluator.start(*DEV, *options, *workers, "--eval-profile", profile)
        # With Ctrl-C the ten that are answered are followed by others, which are not.
        while server.calls < (22 if how == "ctrl-c" else 12) or server.in_flight:
            time.sleep(0.02)
        paused, asked = time.monotonic(), server.calls
        if how == "ctrl-c":
            os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert time.monotonic() - paused < 10, out
        assert process.returncode != 0
        assert server.calls <= asked + 2, out
        with Store(evaluator.cache, read_only=True) as store:
            assert len(store) == (10 if how == "ctrl-c" else 0)


def test_a_call_that_another_run_holds_is_named_and_a_stop_ends_the_wait_for_it(evaluator: Evaluator) -> None:
    with ModelServer(latency=2) as server:
        profile = str(evaluator.profile(server.base, concurrency="4"))
        holds = started(evaluator, server, "--eval-profile", profile)
        os.killpg(holds.pid, signal.SIGSTOP)
        began = time.monotonic()
        waits = evaluator.start(*DEV, "--eval-profile", profile, "--eval-limit", "6")
        assert waits.stdout is not None
        ends = threading.Timer(60, waits.kill)  # else nothing would, were it never named
        ends.start()
        said = next(line for line in waits.stdout if "is being made" in line)
        ends.cancel()
        assert time.monotonic() - began < 30
        words = f"is being made by process {holds.pid} (pytest, started "
        assert words in said
        os.killpg(waits.pid, signal.SIGINT)
        pressed = time.monotonic()
        out, _ = waits.communicate(timeout=30)
        assert time.monotonic() - pressed < 4, out  # a second for the wait, and the summary
        assert waits.returncode == 2
        assert "Traceback" not in out
        os.killpg(holds.pid, signal.SIGKILL)
        os.killpg(holds.pid, signal.SIGCONT)
        holds.communicate(timeout=10)


def test_a_killed_run_frees_its_keys_at_once_for_one_that_waits_for_them(evaluator: Evaluator) -> None:
    with ModelServer(latency=1.0) as server:
        profile = str(evaluator.profile(server.base, concurrency="4"))
        common = ("--eval-profile", profile, "--eval-limit", "4")
        process = started(evaluator, server, *common)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        begun = time.monotonic()
        again = evaluator.run(*DEV, *common)
        assert again.code == 0, again.out
        # Nothing waited for a lock to grow old; calls cut off by the kill are asked again, four at most.
        assert time.monotonic() - begun < 30
        assert server.calls <= server.distinct + 4


@pytest.mark.parametrize("how", [("-x",), ("--maxfail", "2")], ids=["x", "maxfail"])
def test_a_failing_item_stops_new_calls_in_workers_too(evaluator: Evaluator, how: tuple[str, ...]) -> None:
    with ModelServer(latency=0.2, failing=lambda body, number: (400, {}, "") if number <= 3 else None) as server:
        profile = str(evaluator.profile(server.base, concurrency="2"))
        run = evaluator.run(*DEV, *how, "-n", "2", "--eval-profile", profile)
        assert server.calls < 60, run.out
    assert run.code != 0
    assert "Run the same command again to go on" in run.out


@alone_and_with_workers
def test_a_second_ctrl_c_waits_for_nothing_and_holds_no_lock(evaluator: Evaluator, workers: tuple[str, ...]) -> None:
    with ModelServer() as server:
        server.holds = lambda number: True  # who waits for a call in flight waits for ever
        profile = str(evaluator.profile(server.base, concurrency="10"))
        process = started(evaluator, server, *workers, "--eval-profile", profile)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 2, out
        assert "Stopped at once: calls in flight were not waited for. Run the same command again to go on." in out
        assert "Traceback" not in out
        server.holds = lambda number: False
        assert evaluator.run(*DEV, "--eval-profile", profile).code == 0


@alone_and_with_workers
def test_ctrl_c_while_files_are_written_says_so_and_not_that_calls_were_in_flight(
    evaluator: Evaluator, workers: tuple[str, ...]
) -> None:
    """The plugin presses Ctrl-C as the export begins, when every call has been answered and recorded."""
    (evaluator.folder / "presses.py").write_text(
        "import os, signal\n"
        "def pytest_configure(config):\n"
        "    import evals.harness.run\n"
        # Whoever was started in a shell's background has it ignored.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    evals.harness.run.export_used = lambda *given: os.kill(os.getpid(), signal.SIGINT)\n"
    )
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        export = f"--eval-export={evaluator.folder / 'calls.jsonl'}"
        run = evaluator.run(
            *DEV, *workers, "-p", "presses", profile, "--eval-limit=1", export, PYTHONPATH=str(evaluator.folder)
        )
    assert run.code == 2, run.out
    assert "calls in flight" not in run.out
    assert "Stopped while the run's files were written: run the same command again, what is recorded is replayed." in (
        " ".join(run.out.split())
    )
    assert "Next:" not in run.out
    assert "Traceback" not in run.out
