"""A long run at a server that fails one call in twenty: every row is right, and memory and descriptors stay flat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.benchmarks.workload import CALLS, latency_server, write_examples
from tests.faults.campaign import points
from tests.harness.runs import Evaluator

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads a process's memory in /proc"),
]


def counted(base: str) -> int:
    with urllib.request.urlopen(f"{base}/calls") as reply:
        return int(reply.read())


def held(process: subprocess.Popen[str]) -> tuple[int, int]:
    """The kilobytes of memory and the descriptors that a process has; zeros once it has ended."""
    folder = Path(f"/proc/{process.pid}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024, len(os.listdir(folder / "fd"))
    except OSError:
        return 0, 0


def test_one_fault_in_twenty_calls_changes_no_row_and_nothing_grows(evaluator: Evaluator) -> None:
    examples = points(20_000) // CALLS
    write_examples(evaluator.folder / "examples.csv", examples)
    seen: list[tuple[int, int, int]] = []
    with latency_server(0.0) as base:
        faulty = base.replace("/v1", "/one-in-twenty/v1")
        run = ("evals", "-m", "dev", "--eval-profile")
        profile = evaluator.profile(faulty, dataset='"examples.csv"', split='"tutorial"', concurrency="64")
        process = evaluator.start(*run, str(profile), "-q", "-n", "4")
        while process.poll() is None:
            seen.append((counted(base), *held(process)))
            time.sleep(0.5)
        out = process.communicate()[0]
        assert process.returncode == 0, out[-3000:]
        faults = counted(base)
        results = (evaluator.folder / "results.json").read_text()
        evaluator.cache = evaluator.folder / "other"
        evaluator.profile(base, dataset='"examples.csv"', split='"tutorial"', concurrency="64")
        calm = evaluator.run(*run, str(profile), "-q", timeout=1200)
        assert calm.code == 0, calm.out[-3000:]
    whole = rows_of(results)
    assert len(whole) == examples
    assert whole == rows_of((evaluator.folder / "results.json").read_text())
    later = [each for each in seen if faults * 0.5 <= each[0] < faults * 0.98 and each[1]]
    memory, descriptors = ([each[column] for each in later] for column in (1, 2))
    print([(calls, kilobytes // 1024, files) for calls, kilobytes, files in seen[:: max(1, len(seen) // 40)]])
    if examples > 3000:
        assert max(memory) <= 1.1 * min(memory)
        assert max(descriptors) <= min(descriptors) + 8


def rows_of(results: str) -> list[dict[str, object]]:
    return [{**row, "seconds": 0} for row in json.loads(results)["rows"]]
