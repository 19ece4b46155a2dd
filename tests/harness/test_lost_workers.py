"""Workers that are killed or stopped before they have collected anything: named, and a dead one is no clean end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc"),
]

WORKERS = ("evals", "-m", "dev", "--eval-limit", "4", "-n", "2", "-p", "theirs", "--eval-profile")


def hit(evaluator: Evaluator, signal_: str) -> dict[str, str]:
    """The environment of a plugin by which the second worker sends itself a signal before it collects."""
    (evaluator.folder / "theirs.py").write_text(
        "import os, signal\n"
        "def pytest_collection(session):\n"
        "    if getattr(session.config, 'workerinput', {}).get('workerid') == 'gw1':\n"
        f"        os.kill(os.getpid(), signal.{signal_})\n"
    )
    return {"PYTHONPATH": str(evaluator.folder)}


def test_a_worker_that_dies_before_it_has_collected_is_named_and_no_clean_end(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(*WORKERS, profile, **hit(evaluator, "SIGKILL"))
        assert run.code == 1, run.out
        assert run.results is not None
        assert run.results["problems"] == [
            "Worker gw1 died before its end (Not properly terminated): run the same command again, what is recorded is "
            "replayed."
        ]
        assert run.results["problems"][0] in " ".join(run.out.split())
        again = evaluator.run(*WORKERS[:-3], "--eval-profile", profile)
        assert again.code == 0, again.out
        assert server.calls == server.distinct


def test_a_worker_that_is_stopped_is_named_and_the_run_goes_on_with_it(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        process = subprocess.Popen(
            evaluator.command(*WORKERS, profile),
            env=evaluator.environment(**hit(evaluator, "SIGSTOP")),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(
                r"Worker gw1 \(process (\d+)\) is stopped, and this run waits for it: kill -CONT \1 ", said
            ):
                os.kill(int(found[1]), signal.SIGCONT)
                break
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said + rest
    assert "is stopped" not in rest
