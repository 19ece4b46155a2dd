"""The one-device trainer beside TRL's GRPOTrainer on the CPU: tokens a second and memory, over the same batch.

``python -m tests.benchmarks.training`` prints a table, and writes it to ``.papillon/bench/training.json``. Each trainer
is a process of its own, and they take rounds in turn: what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from papillon.project import ROOT
from tests.benchmarks.latency import environment, write

__all__ = ["Round", "Stage", "beside", "paired", "tabled"]

#: TRL's threads would wait for each other on a machine that does other work too, and the other's as well.
_THREADS = 1


@dataclass(frozen=True)
class Stage:
    """What ``tokens`` took: seconds by the clock and of the ``processor``, and at most so many bytes of ``memory``."""

    seconds: float
    processor: float
    tokens: int
    memory: int


@dataclass(frozen=True)
class Round:
    """A round's sampling, in tokens drawn, and its learning, in tokens read, prompts among them."""

    sample: Stage
    learn: Stage

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Round:
        return cls(Stage(**told["sample"]), Stage(**told["learn"]))

    @property
    def whole(self) -> Stage:
        """Both, in tokens drawn."""
        return Stage(
            self.sample.seconds + self.learn.seconds,
            self.sample.processor + self.learn.processor,
            self.sample.tokens,
            max(self.sample.memory, self.learn.memory),
        )


@dataclass(frozen=True)
class Paired:
    """A figure of pairs of rounds: the medians of either side, and the median, least and largest ratio of a pair."""

    what: str
    own: float
    trl: float
    ratio: float
    least: float
    most: float
    bar: str = ""

    def __str__(self) -> str:
        figures = f"{self.own:>10,.4g} {self.trl:>10,.4g} {self.ratio:>8.2f} ({self.least:.2f} to {self.most:.2f})"
        return f"{self.what:<40} {figures} {self.bar}".rstrip()


_STAGES: dict[str, Callable[[Round], Stage]] = {
    "sampling": lambda each: each.sample,
    "learning": lambda each: each.learn,
    "round": lambda each: each.whole,
}


def paired(pairs: Sequence[tuple[Round, Round]]) -> Iterator[Paired]:
    """Figures of pairs (the one-device trainer's round, TRL's); only those of whole rounds have a bar."""
    for name, stage in _STAGES.items():
        whole = name == "round"
        figures: dict[str, tuple[Callable[[Stage], float], str]] = {
            # A round is a step.
            **({"steps a second": (lambda one: 1 / one.seconds, "")} if whole else {}),
            "tokens a second": (lambda one: one.tokens / one.seconds, "at least 1.00"),
            "tokens a processor second": (lambda one: one.tokens / one.processor, ""),
            "peak memory, GB": (lambda one: one.memory / 1e9, "at most 1.00"),
        }
        for what, (figure, bar) in figures.items():
            sides = [(figure(stage(own)), figure(stage(other))) for own, other in pairs]
            ratios = [own / other for own, other in sides]
            yield Paired(
                f"{name}: {what}",
                *(statistics.median(side) for side in zip(*sides, strict=True)),
                statistics.median(ratios),
                min(ratios),
                max(ratios),
                f"bar: {bar}" if whole and bar else "",
            )


def tabled(found: Sequence[Paired]) -> Iterator[str]:
    """The lines of a table."""
    yield f"{'':<40} {'one device':>10} {'TRL':>10} {'ratio':>8} (least to most)"
    yield from map(str, found)


@contextmanager
def trainer(who: str, shape: str, size: dict[str, int]) -> Iterator[Callable[[], Round]]:
    """A process that takes a round whenever what this gives is called."""
    command = [sys.executable, "-m", "tests.benchmarks.rounds", who, shape, json.dumps(size), str(_THREADS)]
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**environment(), **quiet},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def take() -> Round:
            print("round", file=asked, flush=True)
            if not (line := answers.readline()):
                log.seek(0)
                raise RuntimeError(f"Expected a round of {who}, but it ended: {log.read()[-2000:]}")
            return Round.from_json(json.loads(line))

        try:
            yield take
        finally:
            asked.close()
            process.wait()
            answers.close()


def beside(shape: str, size: dict[str, int], pairs: int) -> list[tuple[Round, Round]]:
    """Pairs of rounds, after one of each that warms up; which of the two is first changes from pair to pair."""
    found = []
    with trainer("one-device", shape, size) as own, trainer("trl", shape, size) as other:
        own(), other()
        for number in range(pairs):
            if number % 2:
                last = other()
                found.append((own(), last))
            else:
                found.append((own(), other()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.training", description=__doc__)
    parser.add_argument("--shape", default="smollm2-135m", help="of tests/gpu/shapes.py")
    parser.add_argument("--examples", type=int, default=1, help="prompts of a round, each of them a micro-batch")
    parser.add_argument("--each", type=int, default=4, help="completions of a prompt")
    parser.add_argument("--tokens", type=int, default=32, help="of a completion")
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    size = {"tokens": given.tokens, "long": 0, "rounds": 0, "examples": given.examples, "each": given.each}
    pairs = beside(given.shape, size, given.pairs)
    found = list(paired(pairs))
    (own, _), *_ = pairs
    read = (own.learn.tokens - own.sample.tokens) // (given.examples * given.each)
    said = f"{given.shape}: {given.examples} x {given.each} completions of {given.tokens} tokens behind {read}"
    write("training", found, [f"{said}, {given.pairs} pairs", *tabled(found)])


if __name__ == "__main__":
    main()
