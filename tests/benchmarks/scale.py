"""Scale benchmark: 512 calls in flight, 10,000 recorded examples, and calls that several processes share.

``python -m tests.benchmarks.scale`` prints tables, and writes them to ``.papillon/bench/scale.json``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from papillon.profile import ROOT
from tests.benchmarks.latency import HEADER, Bench, environment, ratio, write
from tests.benchmarks.workload import CALLS, latency_server, write_examples

__all__ = ["main"]


def in_flight(folder: Path, examples: int = 2000, slots: int = 512) -> tuple[Bench, list[str]]:
    """512 calls at once, each a second long, beside the bare client."""
    with latency_server(1.0) as base:
        bench = Bench(folder, base, examples)
        write_examples(folder / "examples.csv", examples)
        bare = bench.measure("bare aiohttp client", slots, bench.python("bare_client", base, examples * CALLS, slots))
        own = bench.measure("this project", slots, bench.ours(slots))
    said = [ratio("512 slots: evaluation over bare client", own.evaluation, bare.evaluation, 1.25)]
    return bench, [*said, f"512 slots: {own.calls} calls counted (expected {bare.calls})"]


def recorded(folder: Path, examples: int) -> tuple[Bench, float, float]:
    """``examples`` recorded, then replayed: the bench, the replay's seconds and its peak memory in MB."""
    with latency_server(0.0) as base:
        bench = Bench(folder, base, examples)
        write_examples(folder / "examples.csv", examples)
        command = bench.ours(256, cache=str(folder / "cache"))
        bench.measure("this project, recording", 256, command)
        kept = bench.measure("this project, all recorded", 256, command)
        # The largest process that has ended under this one would be the recording one: ask the replay itself.
        code = "import resource, sys, pytest; pytest.main(sys.argv[1:]); print('peak', resource.getrusage(0).ru_maxrss)"
        done = subprocess.run(
            [sys.executable, "-c", code, *command[3:]], cwd=ROOT, capture_output=True, text=True, env=environment()
        )
        collect = subprocess.run(
            [*command, "--collect-only"], cwd=ROOT, capture_output=True, text=True, env=environment()
        )
    peak = int(re.search(r"peak (\d+)", done.stdout)[1]) / 1024  # type: ignore[index]
    print(f"{'':<32} peak memory of the replay {peak:.0f} MB; {collect.stdout.strip().splitlines()[-1]}", flush=True)
    return bench, kept.process, peak


def shared(folder: Path) -> list[str]:
    """Two runs that start together on one cache, and one of four workers: who pays for what."""
    with latency_server(0.1) as base:
        bench = Bench(folder, base, 60)
        write_examples(folder / "examples.csv", 60)
        command = bench.ours(16, cache=str(folder / "shared"))
        runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment()) for _ in range(2)]
        assert [run.wait() for run in runs] == [0, 0]
        together = bench.counted()
        workers = bench.measure("this project, -n 4", 16, bench.ours(16, "-n", "4")).calls
    expected = 60 * CALLS
    return [f"two runs at once: {together} calls, -n 4: {workers} calls (expected {expected} each)"]


def main() -> None:
    started = time.perf_counter()
    print(HEADER)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, part) for part in ("flight", "thousand", "ten", "shared")]
        for folder in folders:
            folder.mkdir()
        bench, said = in_flight(folders[0])
        thousand, small, _ = recorded(folders[1], 1000)
        ten, large, peak = recorded(folders[2], 10_000)
        said.append(f"recorded: 10,000 take {large / small:.1f} times 1,000 (bar 12), {large:.1f} s (bar 30)")
        said.append(f"recorded: peak memory {peak:.0f} MB (bar 400)")
        said += shared(folders[3])
        said.append(f"{time.perf_counter() - started:.0f} s in all")
        write("scale", [*bench.lines, *thousand.lines, *ten.lines], said)


if __name__ == "__main__":
    main()
