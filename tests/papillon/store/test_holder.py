"""Who holds a key: a process is named as far as the system tells, and nothing of what it was given to read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from papillon.store.holder import Holder, _program

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_a_process_is_named_by_its_program_and_start_and_without_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "papillon"
    script.write_text("import time\ntime.sleep(60)\n")
    began = time.time()
    process = subprocess.Popen([sys.executable, "-B", str(script), "ask", "A letter to Ann Lee"])
    try:
        while (holder := Holder.of(process.pid)).program != "papillon":
            assert time.time() < began + 10  # until it is Python, and not yet a copy of this one
        assert holder.started is not None
        assert abs(holder.started - began) < 2
        assert not holder.stopped
        at = time.strftime("%H:%M:%S", time.localtime(holder.started))
        assert str(holder) == f"process {process.pid} (papillon, started {at})"
        process.send_signal(signal.SIGSTOP)
        while not Holder.of(process.pid).stopped:
            assert time.time() < began + 10
        assert str(Holder.of(process.pid)).endswith(", stopped at the moment)")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (["/usr/bin/python3.12", "-m", "pytest", "evals"], "pytest"),
        (["python", "-X", "dev", "-m", "papillon", "ask", "Ann Lee"], "python"),
        (["python", "-c", "secret = 'Ann Lee'"], "python"),
        (["python"], "python"),
        (["/opt/venv/bin/python", "/opt/venv/bin/papillon", "ask", "Ann Lee"], "papillon"),
        (["/usr/bin/sqlite3", "cache.db"], "sqlite3"),
        ([""], None),
    ],
)
def test_of_a_command_only_the_program_is_told(command: list[str], program: str | None) -> None:
    assert _program([*command, ""]) == program


def test_one_that_cannot_be_seen_is_named_as_that() -> None:
    assert str(Holder.of(0)) == "a process that cannot be seen from here"
    assert str(Holder(os.getpid())) == f"process {os.getpid()}"
