"""A training on Arbor in a process of its own: started, watched, killed, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from papillon.profile import ROOT
from tests.harness.runs import heeds_ctrl_c

__all__ = ["PATIENCE", "SETTINGS", "Run"]

ON_CPUS = Path(__file__).parent / "on_cpus"

#: Seconds that a whole training may take on two cores that other work has too.
PATIENCE = 900.0


class Run:
    """One process with a training in ``folder``; what it says is beside it, or beside ``screen``."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        *,
        resume: bool = False,
        one_module: bool = False,
        screen: Path | None = None,
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.folder, self.model = folder, model
        self.out, self.err = ((screen or folder).with_suffix(end) for end in (".out", ".err"))
        self.began = time.monotonic()
        told = {
            "folder": str(folder),
            "resume": resume,
            "one_module": one_module,
            "settings": {**SETTINGS, "model": str(model), **settings},
        }
        with self.out.open("a") as out, self.err.open("a") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.arbor.training", json.dumps(told)],
                cwd=ROOT,
                env={**os.environ, **ENVIRONMENT, "ARBOR_FOLDER": str(folder), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=heeds_ctrl_c,
            )

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its status, when it has ended."""
        return self.process.wait(timeout=timeout)

    def until(self, seen: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """What ``seen`` gives, as soon as that is something."""
        deadline = time.monotonic() + timeout
        while not (found := seen()):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)
        return found

    @property
    def said(self) -> str:
        """All that it wrote on either stream."""
        return self.out.read_text(encoding="utf-8") + self.err.read_text(encoding="utf-8")

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        file = self.folder / "metrics.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def log(self, name: str) -> list[str]:
        """The lines of one of Arbor's own logs, ``inference`` or ``grpo_training``."""
        files = sorted(self.folder.glob(f"arbor/storage/*/logs/{name}.log"), key=lambda file: file.stat().st_mtime)
        return [json.loads(line)["message"] for line in files[-1].read_text().splitlines()] if files else []

    def processes(self, word: str = "") -> list[Any]:
        """The processes of this training beside its first, those with ``word`` among their arguments."""
        import psutil

        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                here = process.environ().get("ARBOR_FOLDER") == str(self.folder)
                if here and process.pid != self.process.pid and word in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def end(self) -> None:
        """Kill whatever of it still runs."""
        import psutil

        for process in [*self.processes(), psutil.Process(self.process.pid)] if self.process.poll() is None else []:
            with suppress(psutil.Error):
                process.kill()
        self.process.wait(timeout=30)


SETTINGS: dict[str, Any] = {
    "num_train_steps": 2,
    "num_dspy_examples_per_grpo_step": 2,
    "num_samples_per_input": 4,
    "num_threads": 4,
    "num_steps_for_val": 2,
    "max_tokens": 8,
    "learning_rate": 3e-3,
    "warmup_steps": 0,
    "bf16": False,
    "max_seq_len": 4096,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "num_training_gpus": 1,
    "num_inference_gpus": 1,
    "lora_config": {"r": 4, "lora_dropout": 0.0},
}
ENVIRONMENT = {
    "PYTHONPATH": f"{ON_CPUS}{os.pathsep}{ROOT}",
    "DS_ACCELERATOR": "cpu",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}
