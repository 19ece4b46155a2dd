"""The cause of a failure is found in what vLLM 0.10 and 0.32 say of it, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from papillon.models.served.server_log import READ, cause_in, end_of, kind_in, last_lines

BELOW = """\
(Worker pid=8) ERROR 11-27 03:29:56 [multiproc_executor.py:953] Traceback (most recent call last):
(Worker pid=8) ERROR 11-27 03:29:56 [multiproc_executor.py:953]     raise RuntimeError(
(Worker pid=8) ERROR 11-27 03:29:56 [multiproc_executor.py:953] RuntimeError: Cannot find any model weights with `/x`
(EngineCore pid=7) ERROR 11-27 03:29:58 [core.py:1510] Exception: WorkerProc failed. See stack trace for root cause.
(APIServer pid=6) Traceback (most recent call last):
(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
INVALID = """\
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, The checkpoint you are trying to load has model type `foo`. [type=value_error]

You can update Transformers.
    For further information visit https://errors.pydantic.dev/2.14/v/value_error
"""
ARGUMENTS = "usage: vllm [-h] [-v]\nvllm serve: error: unrecognized arguments: --no-such-flag\n"
WARNED = (
    "(APIServer pid=6) WARNING 11-27 03:29:26 [system_utils.py:255] This can cause `OSError: Too many open files`\n"
)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (BELOW, "RuntimeError: Cannot find any model weights with `/x`"),
        (
            "ERROR 11-27 03:00:00 [core.py:632] torch.OutOfMemoryError: CUDA out of memory.\n",
            "torch.OutOfMemoryError: ",
        ),
        (INVALID, "The checkpoint you are trying to load has model type `foo`. [type=value_error]"),
        (ARGUMENTS, "vllm serve: error: unrecognized arguments: --no-such-flag"),
        ("ValueError\n", "ValueError"),
        (WARNED, None),
        ("loading weights\n", None),
        ("", None),
    ],
)
def test_the_cause(text: str, cause: str | None) -> None:
    found = cause_in(text)
    assert found == cause or (cause is not None and found is not None and found.startswith(cause))


def test_the_kind_of_an_error_is_its_name_alone() -> None:
    assert kind_in(BELOW) == "RuntimeError"
    assert kind_in("a.b.OutOfMemoryError: of what\n") == "a.b.OutOfMemoryError"
    assert kind_in(INVALID) is kind_in(ARGUMENTS) is kind_in("") is None


def test_a_cause_is_one_line_of_bounded_length() -> None:
    assert cause_in(f"ValueError: {'x' * 1000}\nmore\n") == f"ValueError: {'x' * 388}…"


def test_of_a_long_log_the_end_is_read_and_of_none_nothing(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    assert end_of(log) == end_of(tmp_path) == ""
    log.write_bytes(b"ValueError: first\n" + b"\xff\n" * READ + b"ValueError: last\n")
    assert cause_in(end_of(log)) == "ValueError: last"
    assert len(end_of(log)) == READ
    assert last_lines(end_of(log)).splitlines()[-2:] == ["\ufffd", "ValueError: last"]
