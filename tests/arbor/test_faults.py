"""What may go wrong around a training on Arbor: a late start, a broken-off one, a killed process, a full disk."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.arbor.runs import Run
from tests.small_disk import mounted

pytestmark = pytest.mark.slow

Train = Callable[..., Run]
TRAINER = "-u -m papillon.training.arbor.trainer"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB of its own, as only root can have one."""
    with mounted(tmp_path / "disk", "60m") as place:
        yield place


def fill(file: Path) -> None:
    """Write zeros until the disk takes no more."""
    with suppress(OSError), file.open("wb", buffering=0) as zeros:
        while True:
            zeros.write(bytes(2**16))


def gone(run: Run, seconds: float) -> bool:
    """Whether, within so many seconds, nothing of the training runs any more."""
    deadline = time.monotonic() + seconds
    while found := run.processes():
        if time.monotonic() > deadline:
            print([process.cmdline() for process in found])
            return False
        time.sleep(0.5)
    return True


def test_two_training_processes_that_are_later_than_arbor_waits_are_waited_for(tmp_path: Path, train: Train) -> None:
    late = {"ARBOR_GPUS": "3", "ARBOR_LATE": "95"}
    # Runs enough that they hardly all do alike, and leave nothing to learn.
    told = {"one_module": True, "num_samples_per_input": 8, "num_train_steps": 1, "num_steps_for_val": 1}
    run = train(tmp_path / "run", environment=late, num_training_gpus=2, **told)
    run.until(lambda: len(run.processes(TRAINER)) == 2)
    assert run.wait() == 0, run.said
    assert [line["round"] for line in run.rounds] == [1]
    assert any("'grad_norm'" in line for line in run.log("grpo_training"))


def test_ctrl_c_in_a_training_ends_all_of_it(tmp_path: Path, train: Train) -> None:
    run = train(tmp_path / "run", num_train_steps=50)
    run.until(lambda: run.rounds)
    run.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert run.wait(120) == 130, run.said
    assert "Traceback" not in run.said
    assert gone(run, 0)
    assert time.monotonic() - began < 60


def test_ctrl_c_while_arbor_starts_ends_all_of_it(tmp_path: Path, train: Train) -> None:
    run = train(tmp_path / "run")
    run.until(lambda: run.processes(TRAINER))
    run.process.send_signal(signal.SIGINT)
    assert run.wait(120) == 130, run.said
    assert "Traceback" not in run.said
    assert gone(run, 0)


def test_a_killed_main_process_leaves_no_orphans(tmp_path: Path, train: Train) -> None:
    run = train(tmp_path / "run")
    run.until(lambda: run.processes(TRAINER))
    run.process.kill()
    run.wait()
    assert gone(run, 60)


def test_a_full_disk_is_named_and_what_was_saved_before_goes_on_where_there_is_room(disk: Path, train: Train) -> None:
    told = {"screen": disk.parent / "run", "num_train_steps": 50, "num_steps_for_val": 1}
    run = train(disk / "run", **told)
    run.until(lambda: (run.folder / "checkpoints" / "step-000001").exists())
    fill(disk / "filled")
    assert run.wait(300) == 1
    assert "No space left on device" in run.err.read_text(), run.said
    assert "Traceback" not in run.err.read_text(), run.said
    assert gone(run, 0)
    (disk / "filled").unlink()
    assert (run.folder / "checkpoints" / "step-000001" / "adapter" / "adapter_model.safetensors").stat().st_size
    rounds = len(run.rounds)
    run = train(disk / "run", resume=True, **told)
    run.until(lambda: len(run.rounds) > rounds)
    run.process.send_signal(signal.SIGINT)
    assert run.wait(120) == 130, run.said
    assert [line["round"] for line in run.rounds] == [*range(1, len(run.rounds) + 1)]
