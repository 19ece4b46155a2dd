"""The training on one device: policy, learner and server put together in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dspy
import torch

from papillon.models.local.batching import turn_on
from papillon.training.devices import cpu_threads
from papillon.training.folder.checkpoints import Checkpoint, reading
from papillon.training.folder.record import RunRecord
from papillon.training.grpo.learner import Learner
from papillon.training.grpo.policy import Policy
from papillon.training.grpo.rollouts import RolloutWatch
from papillon.training.grpo.rounds import Group, Rounds
from papillon.training.one_device.group_trainer import GroupTrainer
from papillon.training.one_device.guide import Guides
from papillon.training.one_device.sampler import Sampler
from papillon.training.one_device.serving import served
from papillon.training.session import Session
from papillon.training.settings import TrainSettings

__all__ = ["OneDevice"]

#: Limits of Arbor's trainer that nothing here needs: ``num_train_steps`` ends a training, ``max_seq_len`` a prompt.
_WITHOUT_EFFECT = ("max_steps", "max_prompt_length")


class OneDevice(Session):
    """One training in this process, in the place of Arbor's server.

    ``signatures`` are those of the program's predictors, all of which are trained; ``policy`` stands in for the one
    that the settings name.
    """

    def __init__(
        self,
        settings: TrainSettings,
        device: str,
        record: RunRecord,
        watch: RolloutWatch,
        *,
        signatures: Sequence[type[dspy.Signature]],
        policy: Policy | None = None,
    ) -> None:
        super().__init__(settings, record, watch)
        for name in _WITHOUT_EFFECT:
            if (value := getattr(settings, name)) != getattr(TrainSettings, name):
                record.say(f"train.{name} = {value!r} has no effect on one device.")
        self.policy = policy or Policy.load(settings, device)
        self.learner = Learner(self.policy, settings)
        guides = Guides(self.policy, settings.guided, gathering=lambda: watch.gathering, modules=len(signatures))
        self.sampler = Sampler(self.policy, settings, turn_on(self.policy.device), guides, signatures)
        self.trainer = GroupTrainer(
            self.learner,
            self.sampler,
            Rounds(settings.num_dspy_examples_per_grpo_step * len(signatures)),
            asked=self._asked,
            learned=self._learned,
            checkpoint=self._checkpoint,
            failed=self.fail,
        )

    def restore(self, folder: Path) -> None:
        self.policy.load_adapter(folder / "adapter")
        with reading(file := folder / "learner.pt"):
            self.learner.load_state(torch.load(file, map_location="cpu", weights_only=True))
        self.sampler.draws.round = self.rounds

    @contextmanager
    def serving(self) -> Iterator[str]:
        # On the CPU one core is for the program's other models. Threads that wait for a core that another one has are
        # worse than fewer threads: 4.0 s a token against 0.25 s, measured on two busy cores.
        threads = max(1, (os.cpu_count() or 2) - 1) if self.policy.device == "cpu" else torch.get_num_threads()
        try:
            with cpu_threads(threads), served(self.trainer, self.sampler) as address:
                yield address
        finally:
            # A process that leaves while a thread of it learns dies of that.
            self.learner.stopped = True
            if self.sampler.device.acquire(timeout=60):
                self.sampler.device.release()

    def close(self) -> None:
        self.sampler.cleanup()

    def model_config(self) -> Any:
        return self.policy.model.config

    def nothing_kept(self) -> str:
        failed = self.watch.last_failure
        last = "" if failed is None else f", and the last failure was: {failed}"
        return f"Expected at least one round to learn from, got none: no rollout was rewarded{last}"

    def _asked(self) -> None:
        self.watch.check(self.a_round)
        # ArborGRPO asks before it samples and after; with rollouts of two rounds, the first gave it no group to send.
        if self.watch.gathered >= 2 * self.a_round:
            seen = self.watch.counts()
            self.record.say(f"nothing to learn from in {seen.rollouts} rollouts, of which {seen.dropped} were dropped")

    def _learned(self, numbers: dict[str, Any], groups: list[Group]) -> None:
        self.rounds = numbers["round"]
        score = self.compiler.best_validation_score
        # In this order: a round without a checkpoint is taken again, and its line with it.
        self.record.add({**numbers, **self.watch.told()}, groups)
        self.save(Checkpoint(f"step-{self.rounds:06d}", self.rounds, score), self._write, "last")

    def _checkpoint(self, name: str, metadata: dict[str, Any]) -> str:
        checkpoint = Checkpoint(name, self.rounds, metadata.get("score"))
        self.save(checkpoint, self._write, "best")
        return str(self.checkpoints.path(checkpoint))

    def _write(self, folder: Path) -> None:
        with self.sampler.device:
            self.policy.save_adapter(folder / "adapter")
            torch.save(self.learner.state(), folder / "learner.pt")
