"""Labelling benchmark: how long a person waits from an answer to the next row, among 5,000 rows of a page's length.

``python -m tests.benchmarks.labelling [ROWS]`` prints milliseconds on the loopback, the answer on disk in between; what
a browser adds is in tests/labelling/test_browser.py.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiohttp

from evals.labelling.pages import page
from evals.labelling.server import LabellingServer, listening
from evals.labelling.sitting import Sitting
from judges.labels.drawing import order
from judges.labels.file import LabelFile
from tests.judges.labels.samples import DATA, row, trace

__all__ = ["Waits", "waits"]

#: Words in each of a row's texts: about the longest tenth of PUPA's.
WORDS = 400


@dataclass(frozen=True)
class Waits:
    """Milliseconds of each answer, ascending, and of processor time for one on average, the asking included."""

    answers: list[float]
    processor: float

    def __str__(self) -> str:
        late = quantiles(self.answers, n=20)[-1]
        return (
            f"{len(self.answers)} answers: median {median(self.answers):.1f} ms, 95% under {late:.1f}, "
            f"longest {self.answers[-1]:.1f}; processor {self.processor:.1f} ms each"
        )


def waits(folder: Path, rows: int, answers: int) -> Waits:
    """What ``answers`` answers take in a sitting over so many rows."""
    own = [row(n) for n in range(rows)]
    text = "and some words of a text. " * (WORDS // 6)
    texts = {(each.id, 0): trace(n, query=f"{n} {text}", response=text, target=text) for n, each in enumerate(own)}
    draws = order(own, "dev", 0)
    now = Sitting(draws, texts, LabelFile.begun(folder / "labels.jsonl"), data=DATA, seed=0)
    return asyncio.run(_asked(now, answers))


async def _asked(now: Sitting, answers: int) -> Waits:
    took, before = [], time.process_time()
    with listening() as sock:
        server = LabellingServer(now, page("judging"), list)
        serving = asyncio.create_task(server.serve(sock))
        address = server.address(sock.getsockname()[1])
        async with aiohttp.ClientSession() as session:
            state = await (await session.get(f"{address}state")).json()
            for _ in range(answers):
                answer: dict[str, Any] = {"showing": state["item"]["showing"], "choice": "A", "leakage": [True, False]}
                begun = time.perf_counter()
                async with session.post(f"{address}answer", json=answer) as reply:
                    state = await reply.json()
                took.append(1000 * (time.perf_counter() - begun))
            assert state["left"] == len(now.draws) - answers, state["problem"]
        serving.cancel()
        await asyncio.wait([serving])
    return Waits(sorted(took), 1000 * (time.process_time() - before) / answers)


def main(rows: int) -> None:
    for among in (30, rows):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{among:>6} rows, {waits(Path(folder), among, min(among - 1, 500))}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
