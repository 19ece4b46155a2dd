"""The processes that Arbor starts, its trainer and vLLM: started with what they need, watched, and ended for sure.

Arbor 0.2.17 waits without a limit for one that has died, and 90 s for a healthy one; it does not know of those whose
start was broken off, its wheel lacks the file that its trainer is launched with, and its vLLM listens on every
interface, with routes that set the weights.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

__all__ = ["ADAPTER", "FAILED", "ArborProcesses", "Ended"]

#: Names, in the environment of a trainer, the folder of the adapter that it begins with.
ADAPTER = "PAPILLON_ADAPTER"

#: In a trainer's answer to who asked for a checkpoint: why there is none.
FAILED = "papillon_failed"

#: Names, in the environment of a process, the training that it belongs to.
_MARK = "PAPILLON_TRAINING"

_VLLM, _TRAINER = "arbor.server.services.inference.vllm_serve", "arbor.training.grpo.trainer"

#: What is waited for, of any training: while there is some, Arbor's own way to start a process stays out of its reach.
_UNDER_WAY: set[Future[Any]] = set()
#: In a thread that is waited for, the training that it belongs to.
_working = threading.local()

#: How Accelerate launches the trainer, which is written for DeepSpeed's ZeRO-3.
_LAUNCH = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "DEEPSPEED",
    "deepspeed_config": {
        "zero_stage": 3,
        "zero3_init_flag": True,
        "zero3_save_16bit_model": True,
        "offload_optimizer_device": "none",
        "offload_param_device": "none",
    },
    "mixed_precision": "no",
    "num_machines": 1,
    "machine_rank": 0,
}


@dataclass(frozen=True)
class Ended:
    """One of them that has ended: ``who``, with which status, and the name of the log that Arbor keeps of it."""

    who: str
    status: int
    log: str


class ArborProcesses:
    """The processes of one training; ``folder`` takes what they are launched with.

    ``environment`` is added to theirs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.started: list[subprocess.Popen[str]] = []
        self._runners: list[Any] = []
        self._token = uuid.uuid4().hex
        self._over = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, what Arbor starts is known here; afterwards none of it runs any more."""
        from arbor.server.services.comms.control_server import TrainerControlServer
        from arbor.utils.process_runner import ProcessRunner

        # One that was broken off may have left its own in the place of Arbor's.
        start = getattr(ProcessRunner.start, "__wrapped__", ProcessRunner.start)
        wait = TrainerControlServer.wait_for_clients
        # Linux ends them with the thread that started them, so that has to stay.
        starter = ThreadPoolExecutor(1, thread_name_prefix="arbor-starting")

        @wraps(start)
        def known(
            runner: Any, command: list[str], env: Mapping[str, str] | None = None, **more: Any
        ) -> subprocess.Popen[str]:
            if getattr(_working, "training", self)._over:  # a start that was broken off goes on in its thread
                raise RuntimeError("The training is over; nothing more is started.")
            marked = {**(os.environ if env is None else env), **self.environment, _MARK: self._token}
            process: subprocess.Popen[str] = starter.submit(
                start, runner, self._complete(command), env=marked, **more
            ).result()
            self.started.append(process)
            self._runners.append(runner)
            return process

        def patiently(server: Any, *arguments: Any, **more: Any) -> None:
            wait(server, *arguments, **{**more, "timeout": None})

        ProcessRunner.start = known
        try:
            with patch.object(TrainerControlServer, "wait_for_clients", patiently):
                yield
        finally:
            self._over = True
            self._end()
            starter.shutdown(wait=False)
            if not _UNDER_WAY:
                ProcessRunner.start = start

    def gone(self) -> Ended | None:
        """The first of them that has ended, None while all go on."""
        for process, runner in zip(self.started, self._runners, strict=True):
            if (status := process.poll()) is not None:
                if (reading := runner.log_thread) is not None:
                    reading.join(timeout=5)  # what it said last is still on its way into the log
                # Every word of a command but this one may stand in the other's arguments.
                serves = _VLLM in process.args  # type: ignore[operator]
                return (
                    Ended("vLLM", status, "inference.log") if serves else Ended("trainer", status, "grpo_training.log")
                )
        return None

    def waiting(self, work: Callable[[], Any], check: Callable[[], None]) -> Any:
        """What ``work`` gives, which may wait for them for ever; ``check`` raises what ends the waiting."""
        done: Future[Any] = Future()

        def run() -> None:
            _working.training = self
            try:
                given = work()
            except Exception as error:  # raised where it is waited for
                _UNDER_WAY.discard(done)
                done.set_exception(error)
            else:
                _UNDER_WAY.discard(done)
                done.set_result(given)

        _UNDER_WAY.add(done)
        threading.Thread(target=run, name="arbor-waiting", daemon=True).start()
        while True:
            with suppress(TimeoutError):
                return done.result(timeout=0.5)
            if not done.done():
                check()

    def _complete(self, command: list[str]) -> list[str]:
        """The command with a configuration for Accelerate that is there, the trainer of this package, and vLLM for this
        machine alone."""
        if _VLLM in command:
            return [*command, "--host", "127.0.0.1"]
        if "--config_file" not in command:
            return command
        command = ["papillon.training.arbor.trainer" if word == _TRAINER else word for word in command]
        at = command.index("--config_file") + 1
        if Path(command[at]).exists():
            return command
        file = self.folder / "accelerate.json"
        file.write_text(json.dumps(_LAUNCH, indent=2), encoding="utf-8")
        return [*command[:at], str(file), *command[at + 1 :]]

    def _end(self) -> None:
        import psutil

        def ours() -> list[psutil.Process]:
            found = []
            for process in psutil.process_iter():
                with suppress(psutil.Error, OSError):
                    if process.environ().get(_MARK) == self._token:
                        found.append(process)
            return found

        for process in (processes := ours()):
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(processes, timeout=10)
        for process in ours():
            with suppress(psutil.Error):
                process.kill()
        for started in self.started:
            with suppress(subprocess.TimeoutExpired):
                started.wait(timeout=10)
            if started.stdout is not None:
                started.stdout.close()
