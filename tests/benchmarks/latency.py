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
from dataclasses import asdict, dataclass
from pathlib import Path

from papillon.profile import ROOT
from tests.benchmarks.workload import CALLS, latency_server, write_examples, write_profile

LATENCY = 0.2


@dataclass(frozen=True)
class Line:
    """One measured way: wall seconds of the evaluation and of its whole process, and the calls counted."""

    what: str
    in_flight: int
    evaluation: float
    process: float
    calls: int


class Bench:
    def __init__(self, folder: Path, base: str, dev: int) -> None:
        self.folder, self.base, self.dev = folder, base, dev
        self.lines: list[Line] = []

    def counted(self) -> int:
        with urllib.request.urlopen(f"{self.base}/calls") as reply:
            count: int = json.load(reply)
        return count

    def measure(self, what: str, in_flight: int, command: list[str]) -> None:
        before, started = self.counted(), time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment())
        process = time.perf_counter() - started
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        results = self.folder / "results.json"
        if results.exists():
            evaluation = json.loads(results.read_text())["run"]["seconds"]
            results.unlink()
        else:
            evaluation = float(done.stdout.split()[-1])
        line = Line(what, in_flight, evaluation, process, self.counted() - before)
        self.lines.append(line)
        print(
            f"{line.what:<28} {line.in_flight:>4} {line.evaluation:>8.2f} {line.process:>8.2f} {line.calls:>7}",
            flush=True,
        )

    def ours(self, in_flight: int, *arguments: str, cache: str | None = None) -> list[str]:
        profile = self.folder / f"profile{in_flight}.toml"
        write_profile(profile, self.base, in_flight)
        cache = cache or tempfile.mkdtemp(dir=self.folder)
        return [
            *(sys.executable, "-m", "pytest", "evals", "-m", "dev", "-q", "-p", "no:cacheprovider", *arguments),
            *("--eval-profile", str(profile), "--eval-cache", cache),
            *("--eval-results", str(self.folder / "results.json")),
        ]

    def python(self, module: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTHONWARNINGS": "ignore"}


def main(dev: int) -> None:
    with tempfile.TemporaryDirectory() as name, latency_server(LATENCY) as base:
        bench = Bench(Path(name), base, dev)
        examples = bench.folder / "examples.csv"
        write_examples(examples, dev)
        print(f"{dev} examples, {LATENCY * 1000:.0f} ms a call{'':<8} slots evaluat.  process   calls")
        for in_flight in (16, 64):
            bench.measure("bare aiohttp client", in_flight, bench.python("bare_client", base, dev * CALLS, in_flight))
            bench.measure("this project", in_flight, bench.ours(in_flight))
            bench.measure("this project, -n 4", in_flight, bench.ours(in_flight, "-n", "4"))
            bench.measure("dspy.Evaluate", in_flight, bench.python("dspy_evaluate", base, examples, dev, in_flight))
        cached = str(bench.folder / "cached")
        bench.measure("this project, recording", 64, bench.ours(64, cache=cached))
        bench.measure("this project, all recorded", 64, bench.ours(64, cache=cached))
        for what in ("dspy.Evaluate, caching", "dspy.Evaluate, all cached"):
            bench.measure(what, 64, bench.python("dspy_evaluate", base, examples, dev, 64, "cache"))
        by_name = {(line.what, line.in_flight): line for line in bench.lines}
        for in_flight, most, whole in ((16, 1.03, 1.00), (64, 1.10, 0.97)):
            bare, own = by_name["bare aiohttp client", in_flight], by_name["this project", in_flight]
            other = by_name["dspy.Evaluate", in_flight]
            print(f"{in_flight} in flight: over the bare client {own.evaluation / bare.evaluation:.3f} (bar {most})")
            print(
                f"{in_flight} in flight: process over dspy.Evaluate's {own.process / other.process:.3f} (bar {whole})"
            )
        kept, cached_line = by_name["this project, all recorded", 64], by_name["dspy.Evaluate, all cached", 64]
        print(f"all recorded: process over dspy.Evaluate's {kept.process / cached_line.process:.3f} (bar 0.75)")
        out = ROOT / ".papillon" / "bench" / "latency.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps([asdict(line) for line in bench.lines], indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 225)
