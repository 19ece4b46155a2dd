"""Latency benchmark: how near the evaluation comes to a bare client that makes as many calls, all in one run.

``python -m tests.benchmarks.latency [EXAMPLES]`` prints a table, and writes it to ``.papillon/bench/latency.json``.
Every line shows the calls that the server counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from papillon.profile import ROOT
from tests.benchmarks.workload import CALLS, latency_server, write_examples, write_profile

LATENCY = 0.2


@dataclass(frozen=True)
class Line:
    """One measured way: wall seconds of the evaluation, where it tells, and of its whole process, and its calls."""

    what: str
    in_flight: int
    examples: int
    evaluation: float | None
    process: float
    calls: int

    def __str__(self) -> str:
        evaluation = "" if self.evaluation is None else f"{self.evaluation:.2f}"
        counted = f"{self.in_flight:>5} {self.examples:>8} {evaluation:>9} {self.process:>9.2f} {self.calls:>7}"
        return f"{self.what:<32} {counted}"


class Bench:
    def __init__(self, folder: Path, base: str, dev: int) -> None:
        self.folder, self.base, self.dev = folder, base, dev
        self.lines: list[Line] = []

    def counted(self) -> int:
        with urllib.request.urlopen(f"{self.base}/calls") as reply:
            count: int = json.load(reply)
        return count

    def measure(self, what: str, in_flight: int, command: list[str], examples: int | None = None, **env: str) -> Line:
        before, started = self.counted(), time.perf_counter()
        around = {**environment(), "PYTHONPATH": str(ROOT), **env}
        where = ROOT if "evals" in command else self.folder
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, env=around)
        process = time.perf_counter() - started
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        results = self.folder / "results.json"
        evaluation = None
        if results.exists():
            evaluation = json.loads(results.read_text())["run"]["seconds"]
            results.unlink()
        elif "pytest" not in command:
            evaluation = float(done.stdout.split()[-1])
        line = Line(what, in_flight, examples or self.dev, evaluation, process, self.counted() - before)
        self.lines.append(line)
        print(line, flush=True)
        return line

    def ours(self, in_flight: int, *arguments: str, cache: str | None = None) -> list[str]:
        profile = self.folder / f"profile{in_flight}.toml"
        write_profile(profile, self.base, in_flight)
        cache = cache or tempfile.mkdtemp(dir=self.folder)
        return [
            *(sys.executable, "-m", "pytest", "evals", "-m", "dev", "-q", "-p", "no:cacheprovider", *arguments),
            *("--eval-profile", str(profile), "--eval-cache", cache),
            *("--eval-results", str(self.folder / "results.json"), "--eval-runs", str(self.folder / "runs")),
        ]

    def python(self, module: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTHONWARNINGS": "ignore"}


#: The header over the lines of a table.
HEADER = f"{'':<32} {'slots':>5} {'examples':>8} {'evaluat.':>9} {'process':>9} {'calls':>7}"


def ratio(what: str, own: float | None, other: float | None, bar: float) -> str:
    """``what`` with the two numbers' ratio beside its bar."""
    assert own is not None
    assert other is not None
    return f"{what}: {own / other:.3f} (bar {bar:.2f})"


def median(lines: Sequence[Line]) -> Line:
    """The line whose process took neither the longest nor the shortest of three."""
    return sorted(lines, key=lambda line: line.process)[len(lines) // 2]


def write(name: str, lines: Sequence[Any], said: list[str]) -> None:
    """Print what was found and keep it with the table in ``.papillon/bench``."""
    print("\n".join(said), flush=True)
    out = ROOT / ".papillon" / "bench" / f"{name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"lines": [asdict(line) for line in lines], "ratios": said}, indent=1) + "\n")


def main(dev: int) -> None:
    with tempfile.TemporaryDirectory() as name, latency_server(LATENCY) as base:
        bench = Bench(Path(name), base, dev)
        examples = bench.folder / "examples.csv"
        write_examples(examples, dev)
        print(f"{LATENCY * 1000:.0f} ms a call\n{HEADER}")
        said = []
        for slots, most, whole in ((16, 1.03, 1.00), (64, 1.10, 0.97)):
            ways: dict[str, Callable[[], list[str]]] = {
                "bare aiohttp client": partial(bench.python, "bare_client", base, dev * CALLS, slots),
                "this project": partial(bench.ours, slots),
                "dspy.Evaluate": partial(bench.python, "dspy_evaluate", base, examples, dev, slots),
            }
            lines: dict[str, list[Line]] = {what: [] for what in ways}
            # In turn and three times, for the medians: one pair alone swings by a tenth on a shared machine.
            for _ in range(3):
                for what, command in ways.items():
                    lines[what].append(bench.measure(what, slots, command()))
            bare, own, other = map(median, lines.values())
            bench.measure("this project, -n 4", slots, bench.ours(slots, "-n", "4"))
            said.append(ratio(f"{slots} slots: evaluation over bare client", own.evaluation, bare.evaluation, most))
            said.append(ratio(f"{slots} slots: process over dspy.Evaluate's", own.process, other.process, whole))
            latency = dev * CALLS * LATENCY / slots
            if slots == 16:
                said.append(ratio("16 slots: process over the latency alone", own.process, latency, 1.12))
            for package, module in (("inspect_ai", "inspect_evaluate"), ("deepeval", "deepeval_evaluate")):
                if find_spec(package):
                    bench.measure(package, slots, bench.python(module, base, examples, dev, slots))
        plain = [sys.executable, "-m", "pytest", str(ROOT / "tests/benchmarks/plain_pytest.py"), "-q"]
        bench.measure("pytest, a test an example, -n 16", 16, [*plain, "-n", "16"], BENCH=f"{base} {examples} {dev}")
        fifth = dev // 5  # all of them would take five minutes
        bench.measure("pytest, one test after another", 1, plain, fifth, BENCH=f"{base} {examples} {fifth}")
        cached = str(bench.folder / "cached")
        bench.measure("this project, recording", 64, bench.ours(64, cache=cached))
        kept = bench.measure("this project, all recorded", 64, bench.ours(64, cache=cached))
        bench.measure("dspy.Evaluate, caching", 64, bench.python("dspy_evaluate", base, examples, dev, 64, "cache"))
        others = bench.python("dspy_evaluate", base, examples, dev, 64, "cache")
        other = bench.measure("dspy.Evaluate, all cached", 64, others)
        said.append(ratio("all recorded: process over dspy.Evaluate's", kept.process, other.process, 0.75))
        write("latency", bench.lines, said)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 225)
