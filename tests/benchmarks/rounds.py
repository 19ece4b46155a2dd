"""Rounds of GRPO on the CPU, one at a word: the one-device trainer's, or TRL's on the same batch.

``python -m tests.benchmarks.rounds one-device|trl SHAPE SIZE THREADS`` takes a round for each line of standard input
and answers with a line of JSON: of sampling and of learning the seconds by the clock and of the processor, the tokens,
and the most memory of the process in bytes.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from papillon.models.local.sampling import Sampling
from papillon.training.grpo.learner import Learner
from tests.gpu.batch import Size, chances, conversations, even, groups_of, prompts, settings_for
from tests.gpu.beside_trl import Moment, trainer_of
from tests.gpu.shapes import build, policy_of, tokenizer

__all__ = ["one_device", "trl"]

Stage = dict[str, float]
#: Waits until another round is asked for; False where none is.
Asked = Callable[[], bool]
#: Hears of a round: its sampling and its learning.
Tell = Callable[[Stage, Stage], None]


class Meter:
    """What a stage takes, between :meth:`begin` and :meth:`end`."""

    def begin(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the most memory is counted from here on
        self._began = time.perf_counter(), time.process_time()

    def end(self, tokens: int) -> Stage:
        now = time.perf_counter(), time.process_time()
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return {
            "seconds": now[0] - self._began[0],
            "processor": now[1] - self._began[1],
            "tokens": tokens,
            "memory": int(status["VmHWM"].split()[0]) * 1024,
        }


def one_device(shape: str, size: Size, asked: Asked, tell: Tell) -> None:
    """The trainer's sampler and learner, on the prompts of ``size``."""
    settings = settings_for(size)
    policy = policy_of(shape, settings, "cpu")
    learner = Learner(policy, settings)
    asked_for = prompts(policy, size.each)[: size.examples * size.each]
    read, number, meter = sum(map(len, asked_for)), 0, Meter()
    while asked():
        meter.begin()
        decided = chances(len(asked_for), size.tokens, number)
        done = policy.sample(asked_for, decided, Sampling(**settings.sampling), size.tokens)
        sampled = meter.end(drawn := sum(len(completion.tokens) for completion in done))
        meter.begin()
        learned = learner.learn(groups_of(done, size.each))
        assert learned.steps == 1, learned
        tell(sampled, meter.end(read + drawn))
        number += 1


def trl(shape: str, size: Size, asked: Asked, tell: Tell) -> None:
    """TRL's GRPOTrainer on the same; its rewards' functions count as sampling."""
    settings = settings_for(size)
    meter, drawn, read, sampled = Meter(), 0, 0, Stage()
    words, template = tokenizer(), {"add_generation_prompt": True, "return_dict": False}

    def reward(prompts: Sequence[Any], completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        nonlocal drawn, read
        drawn = sum(map(len, completion_ids))
        read = sum(len(words.apply_chat_template(each, **template)) for each in prompts)
        return [even(tokens) for tokens in completion_ids]

    def watch(moment: Moment) -> bool:
        nonlocal sampled
        if moment == "sampled":
            sampled = meter.end(drawn)
        elif moment == "learned":
            tell(sampled, meter.end(read + drawn))
            if not asked():
                return False
        meter.begin()
        return True

    with tempfile.TemporaryDirectory() as folder:
        model = build(shape, seed=settings.seed)
        trainer = trainer_of(
            model, settings, conversations()[: size.examples], reward, watch, folder=folder, device="cpu"
        )
        if asked():
            trainer.train()


def main(who: str, shape: str, size: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    # Libraries print too: what they say goes where errors go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(sample: Stage, learn: Stage) -> None:
        print(json.dumps({"sample": sample, "learn": learn}), file=answers, flush=True)

    trainer = {"one-device": one_device, "trl": trl}[who]
    trainer(shape, Size(**json.loads(size)), lambda: bool(sys.stdin.readline()), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
