"""Ctrl-C in a command that asks models: no call begins any more, and those in flight are recorded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from papillon.profile import ROOT
from papillon.store import Store
from tests.harness.runs import heeds_ctrl_c
from tests.model_server import Failure, ModelServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="presses Ctrl-C"),
]

COMMAND = """
import sys
from pathlib import Path
import papillon.__main__ as commands
commands.CACHE = Path(sys.argv[1])
sys.exit(commands.main(sys.argv[2:]))
"""


def started(folder: Path, server: ModelServer, *arguments: str) -> subprocess.Popen[str]:
    keys = [f'{role} = {{ model = "openai/{role}", api_base = "{server.base}" }}' for role in ("local", "untrusted")]
    judge = f'judge = {{ kind = "llm", model = "openai/judge", api_base = "{server.base}" }}'
    profile = folder / "own.toml"
    profile.write_text("\n".join([*keys, judge, 'dataset = "mini"', "concurrency = 4"]))
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder / "cache"), *arguments, "--profile", str(profile)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heeds_ctrl_c,
    )


def busy_after(calls: int) -> Callable[[dict[str, Any], int], Failure | None]:
    return lambda body, number: (429, {"Retry-After": "15"}, "") if number > calls else None


def pressed(process: subprocess.Popen[str]) -> tuple[str, float]:
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    return out, time.monotonic() - began


def recorded(folder: Path) -> int:
    with Store(folder / "cache", read_only=True) as store:
        return len(store)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ask_does_not_try_again(tmp_path: Path) -> None:
    with ModelServer(failing=busy_after(1)) as server:
        process = started(tmp_path, server, "ask", "Write to Ann Lee.")
        until(lambda: server.calls == 2 and not server.in_flight)
        time.sleep(0.2)
        out, seconds = pressed(process)
        assert seconds < 3, out
        assert process.returncode == 130
        assert (server.calls, recorded(tmp_path)) == (2, 1)
    assert "Traceback" not in out
    assert out.endswith("papillon: interrupted\n")


def test_ask_records_the_call_in_flight_and_says_that_it_waits_for_it(tmp_path: Path) -> None:
    with ModelServer(latency=3) as server:
        process = started(tmp_path, server, "ask", "Write to Ann Lee.")
        until(lambda: server.in_flight == 1)
        out, seconds = pressed(process)
        assert 1 < seconds < 6, out
        assert (server.calls, recorded(tmp_path)) == (1, 1)
    assert "Stopping: calls in flight are waited for and recorded; Ctrl-C again ends at once." in out


def test_a_second_ctrl_c_waits_for_nothing(tmp_path: Path) -> None:
    with ModelServer(latency=30) as server:
        process = started(tmp_path, server, "ask", "Write to Ann Lee.")
        until(lambda: server.in_flight == 1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        out, seconds = pressed(process)
        assert seconds < 3, out
        assert process.returncode == 130
    assert "Traceback" not in out


@pytest.mark.parametrize("while_", ["scoring", "optimizing"])
def test_optimize_does_not_try_again(tmp_path: Path, while_: str) -> None:
    scoring = 10
    with ModelServer(latency=0.05) as server:
        process = started(tmp_path, server, "optimize", "--optimizer", "simba", "--out", str(tmp_path / "out.json"))
        assert process.stdout is not None
        if while_ == "optimizing":
            assert any(line.startswith("optimizing") for line in process.stdout)
            scoring = server.calls
        server._failing = busy_after(scoring + 5)
        until(lambda: server.calls > scoring + 8 and not server.in_flight)
        time.sleep(0.2)
        calls = server.calls
        out, seconds = pressed(process)
        assert seconds < 5, out
        assert process.returncode == 130
        assert server.calls == calls
        distinct = len({json.dumps(body, sort_keys=True) for body in server.bodies[: scoring + 5]})
        assert recorded(tmp_path) == distinct
    assert "Traceback" not in out
