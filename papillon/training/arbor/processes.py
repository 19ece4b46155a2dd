"""The processes that Arbor starts, its trainer and vLLM: started with what they need, watched, and ended for sure.

Arbor 0.2.17 waits without a limit for one that has died, does not know of those whose start was broken off, and its
wheel lacks the file that its trainer is launched with.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["ArborProcesses"]

#: Names, in the environment of a process, the training that it belongs to.
_MARK = "PAPILLON_TRAINING"

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


class ArborProcesses:
    """The processes of one training; ``folder`` takes what they are launched with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self._token = uuid.uuid4().hex
        self._over, self._pending = False, 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, what Arbor starts is known here; afterwards none of it runs any more."""
        from arbor.utils.process_runner import ProcessRunner

        start = ProcessRunner.start

        def known(
            runner: Any, command: list[str], env: Mapping[str, str] | None = None, **more: Any
        ) -> subprocess.Popen[str]:
            if self._over:  # a start that was broken off goes on in Arbor's own thread
                raise RuntimeError("The training is over; nothing more is started.")
            marked = {**(os.environ if env is None else env), _MARK: self._token}
            process: subprocess.Popen[str] = start(runner, self._complete(command), env=marked, **more)
            self.started.append(process)
            return process

        ProcessRunner.start = known
        try:
            yield
        finally:
            self._over = True
            self._end()
            if not self._pending:
                ProcessRunner.start = start

    def gone(self) -> str | None:
        """What is to be said of the first of them that has ended, None while all go on."""
        for process in self.started:
            if (status := process.poll()) is not None:
                serves = any("vllm_serve" in str(word) for word in process.args)  # type: ignore[union-attr]
                return f"{'vLLM' if serves else 'a trainer'} that ended with status {status}"
        return None

    def waiting(self, work: Callable[[], Any], check: Callable[[], None]) -> Any:
        """What ``work`` gives, which may wait for them for ever; ``check`` raises what ends the waiting."""
        done: Future[Any] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # raised where it is waited for
                done.set_exception(error)
            finally:
                self._pending -= 1

        self._pending += 1
        threading.Thread(target=run, name="arbor-waiting", daemon=True).start()
        while True:
            with suppress(TimeoutError):
                return done.result(timeout=0.5)
            if not done.done():
                check()

    def _complete(self, command: list[str]) -> list[str]:
        """The command with a configuration for Accelerate that is there."""
        if "--config_file" not in command:
            return command
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
