"""The training on one device: policy, learner and server put together, its checkpoints, and going on from them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from papillon.errors import InfrastructureError
from papillon.training.checkpoints import Checkpoint, Checkpoints
from papillon.training.devices import cpu_threads
from papillon.training.executor import GroupTrainer, Sampler
from papillon.training.learner import Learner
from papillon.training.policy import Policy
from papillon.training.record import RunRecord
from papillon.training.resuming import compiler_state, make_compiler
from papillon.training.rollouts import RolloutWatch
from papillon.training.rounds import Rounds
from papillon.training.serving import served
from papillon.training.settings import TrainSettings

__all__ = ["OneDevice"]

#: Limits of Arbor's trainer that nothing here needs: ``num_train_steps`` ends a training, ``max_seq_len`` a prompt.
_WITHOUT_EFFECT = ("max_steps", "max_prompt_length")


class OneDevice:
    """One training in this process, in the place of Arbor's server.

    ``predictors`` is how many modules of the program are trained; ``policy`` stands in for the one that the
    settings name.
    """

    def __init__(
        self,
        settings: TrainSettings,
        device: str,
        record: RunRecord,
        watch: RolloutWatch,
        *,
        predictors: int,
        policy: Policy | None = None,
    ) -> None:
        self.settings, self.record, self.watch = settings, record, watch
        for name in _WITHOUT_EFFECT:
            if (value := getattr(settings, name)) != getattr(TrainSettings, name):
                record.say(f"train.{name} = {value!r} has no effect on one device.")
        self.policy = policy or Policy.load(settings, device)
        self.learner = Learner(self.policy, settings)
        self.checkpoints = Checkpoints(record.folder / "checkpoints")
        self.sampler = Sampler(
            self.policy, settings, threading.Lock(), gathering=lambda: watch.gathering, modules=predictors
        )
        self.trainer = GroupTrainer(
            self.learner,
            self.sampler,
            Rounds(settings.num_dspy_examples_per_grpo_step * predictors),
            asked=self._asked,
            learned=self._learned,
            checkpoint=self._checkpoint,
        )
        self.compiler: Any = None
        self.model = settings.model
        self._resumed: dict[str, Any] | None = None

    @property
    def failure(self) -> Exception | None:
        """What ended the training, where it was not the compiler itself."""
        return self.trainer.failure

    @property
    def rounds(self) -> int:
        """Rounds that are behind the policy."""
        return self.sampler.round

    def resume(self) -> int:
        """Go on from the last checkpoint, if there is one; gives the rounds behind it."""
        last = self.checkpoints.last()
        self.record.keep_rounds(0 if last is None else last.step)
        if last is None:
            return 0
        folder = self.checkpoints.path(last)
        self.policy.load_adapter(folder / "adapter")
        self.learner.load_state(torch.load(folder / "learner.pt", map_location="cpu", weights_only=True))
        self._resumed = json.loads((folder / "compiler.json").read_text(encoding="utf-8"))
        self.sampler.round = last.step
        return last.step

    def make_compiler(self, metric: Callable[..., float]) -> Any:
        """ArborGRPO with the settings' arguments, at the round that comes next."""
        self.compiler = make_compiler(self.settings, metric, self.sampler.round, self._resumed)
        return self.compiler

    def provider(self) -> Any:
        """How DSPy trains a model at the application's address."""
        from arbor import ArborProvider

        return ArborProvider()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Inside, the application answers at the address that this gives."""
        # On the CPU one core is for the program's other models. Threads that wait for a core that another one has are
        # worse than fewer threads: 4.0 s a token against 0.25 s, measured on two busy cores.
        threads = max(1, (os.cpu_count() or 2) - 1) if self.policy.device == "cpu" else torch.get_num_threads()
        try:
            with cpu_threads(threads), served(self.trainer, self.sampler) as address:
                yield address
        finally:
            # A process that leaves while a thread of it learns dies of that.
            if self.sampler.device.acquire(timeout=60):
                self.sampler.device.release()

    def close(self) -> None:
        """End what a training that did not get to serve has begun."""
        self.sampler.cleanup()

    def finish(self, final_score: float | None) -> tuple[Path, float | None]:
        """The adapter to keep, and its validation score."""
        kept = self.checkpoints.kept(final_score)
        if kept is None:
            raise InfrastructureError(
                "Expected at least one round to learn from, got none: no group had rewards; look at metrics.jsonl."
            )
        return self.checkpoints.path(kept[0]) / "adapter", kept[1]

    def model_config(self) -> Any:
        """The configuration of the model that the adapter stands on."""
        return self.policy.model.config

    def _asked(self) -> None:
        a_round = self.settings.num_dspy_examples_per_grpo_step * self.settings.num_samples_per_input
        self.watch.check(a_round)
        # ArborGRPO asks before it samples and after; with rollouts of two rounds, the first gave it no group to send.
        if self.watch.gathered >= 2 * a_round:
            seen = self.watch.counts()
            self.record.say(
                f"nothing to learn from in {seen.rollouts} rollouts: {seen.partly_formatted} had the format in part, "
                f"{seen.dropped} were dropped"
            )

    def _learned(self, numbers: dict[str, Any], groups: list[list[dict[str, Any]]]) -> None:
        done = self.sampler.round
        score = self.compiler.best_validation_score
        # In this order: a round without a checkpoint is taken again, and its line with it.
        self.record.add({**numbers, **self.watch.counts().to_json()}, groups)
        self.checkpoints.save(Checkpoint(f"step-{done:06d}", done, score), self._write, "last")

    def _checkpoint(self, name: str, metadata: dict[str, Any]) -> str:
        checkpoint = Checkpoint(name, self.sampler.round, metadata.get("score"))
        self.checkpoints.save(checkpoint, self._write, "best")
        return str(self.checkpoints.path(checkpoint))

    def _write(self, folder: Path) -> None:
        with self.sampler.device:
            self.policy.save_adapter(folder / "adapter")
            torch.save(self.learner.state(), folder / "learner.pt")
        (folder / "compiler.json").write_text(json.dumps(compiler_state(self.compiler)), encoding="utf-8")
