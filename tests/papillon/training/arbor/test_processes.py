"""The processes that Arbor starts: real ones here, ended with all that they started themselves."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

import psutil

from papillon.training.arbor.processes import ArborProcesses

#: Starts another process in a session of its own, says which, and waits.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arbor's runner takes Ctrl-C for itself, for good."""
    from arbor.utils.process_runner import ProcessRunner

    monkeypatch.setattr(ProcessRunner, "_setup_signal_handlers", lambda runner: None)


@pytest.mark.parametrize("killed", [False, True])
def test_none_of_them_is_left_not_even_what_a_dead_one_had_started(tmp_path: Path, killed: bool) -> None:
    from arbor.utils.process_runner import ProcessRunner

    told = tmp_path / "pid"
    with ArborProcesses(tmp_path).watched():
        parent = ProcessRunner("job").start([sys.executable, "-c", PARENT, str(told)])
        deadline = time.monotonic() + 30
        while not (told.exists() and told.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if killed:
            parent.kill()
            parent.wait()
        assert psutil.pid_exists(int(told.read_text()))
    assert parent.poll() is not None
    assert not psutil.pid_exists(int(told.read_text()))


def test_the_trainer_is_launched_with_a_configuration_that_is_there(tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from arbor.utils.process_runner import AccelerateProcessRunner, ProcessRunner

    started: list[list[str]] = []

    def noted(runner: ProcessRunner, command: list[str], **more: Any) -> subprocess.Popen[str]:
        started.append(command)
        return subprocess.Popen(["true"], text=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProcessRunner, "start", noted)
        with ArborProcesses(tmp_path).watched():
            AccelerateProcessRunner("job").start_training(
                module="trainer", num_processes=3, main_process_port=29500, script_args=["--model", "m"]
            )
    (command,) = started
    given = load_config_from_file(command[command.index("--config_file") + 1])
    assert given.deepspeed_config["zero_stage"] == 3
    assert command[-3:] == ["--", "--model", "m"]


def test_what_is_waited_for_gives_its_result_or_its_failure(tmp_path: Path) -> None:
    processes = ArborProcesses(tmp_path)
    assert processes.waiting(lambda: 7, lambda: None) == 7
    with pytest.raises(ValueError, match="no such job"):
        processes.waiting(lambda: _raise(ValueError("no such job")), lambda: None)


def test_a_start_that_was_broken_off_starts_nothing_afterwards(tmp_path: Path) -> None:
    from arbor.utils.process_runner import ProcessRunner

    go_on, came = threading.Event(), list[str]()

    def late() -> None:
        go_on.wait(30)
        try:
            ProcessRunner("job").start([sys.executable, "-c", ""])
        except RuntimeError as error:
            came.append(str(error))

    def broken_off() -> None:
        processes = ArborProcesses(tmp_path)
        with processes.watched():
            processes.waiting(late, lambda: _raise(KeyboardInterrupt()))

    start = ProcessRunner.start
    with pytest.raises(KeyboardInterrupt):
        broken_off()
    # Another training of this process is its own, and leaves the broken one without a way to start anything.
    with (another := ArborProcesses(tmp_path)).watched():
        assert another.waiting(lambda: ProcessRunner("job").start([sys.executable, "-c", ""]).wait(30), bool) == 0
    go_on.set()
    deadline = time.monotonic() + 10
    while not came and time.monotonic() < deadline:
        time.sleep(0.02)
    assert came == ["The training is over; nothing more is started."]
    # The first training that ends after that thread puts Arbor's own back.
    while ProcessRunner.start != start and time.monotonic() < deadline:
        with ArborProcesses(tmp_path).watched():
            assert ProcessRunner.start != start
    assert ProcessRunner.start == start


def _raise(error: BaseException) -> Any:
    raise error
