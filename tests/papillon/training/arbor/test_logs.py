"""What Arbor's logs say that a process ended of."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from papillon.training.arbor.logs import cause_in, last_of

LAUNCHER = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["[rank0]: ValueError: num_generations must be 8", LAUNCHER], "ValueError: num_generations must be 8"),
        (["OSError: [Errno 28] No space left on device", LAUNCHER], "OSError: [Errno 28] No space left on device"),
        (["safetensors_rust.SafetensorError: Error while serializing", LAUNCHER],
         "safetensors_rust.SafetensorError: Error while serializing"),
        (["traceback : Signal 9 (SIGKILL) received by PID 30936"], "Signal 9 (SIGKILL) received by PID 30936"),
        (
            [
                "(EngineCore_0 pid=7) ERROR 11-26 18:02:11 [core.py:700] ValueError: No available memory for the cache",
                "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
            ],
            "ValueError: No available memory for the cache",
        ),
        (["{'loss': 0.0, 'grad_norm': 0.1}", "an error is not always the end"], None),
        ([], None),
    ],
)  # fmt: skip
def test_the_last_error_is_the_cause_unless_it_only_passes_another_on(
    tmp_path: Path, lines: list[str], cause: str | None
) -> None:
    log = tmp_path / "grpo_training.log"
    log.write_text("".join(f"{json.dumps({'level': 'info', 'message': line})}\n" for line in lines))
    assert cause_in(log) == cause
    log.write_text("\n".join(lines))
    assert cause_in(log) == cause


def test_the_log_looked_at_is_the_one_written_last_that_says_something(tmp_path: Path) -> None:
    assert last_of(tmp_path) is None
    for number, name in enumerate(("inference.log", "deeper/grpo_training.log", "console.log")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "console.log" else "said")
        os.utime(tmp_path / name, (number, number))
    assert last_of(tmp_path) == tmp_path / "deeper" / "grpo_training.log"
    assert last_of(tmp_path, "inf*.log") == tmp_path / "inference.log"
    assert last_of(tmp_path, "vllm.log") is None
