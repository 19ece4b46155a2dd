"""The group trainer: collects the groups that ArborGRPO sends, and lets the learner take its steps.

Arbor's routes hand each request to a GRPO manager and an inference manager; its own start a trainer and vLLM on GPUs
of their own. On one device this class stands in for the first and ``sampler`` for the second, over one model in this
process; ArborGRPO and ArborProvider cannot tell the difference.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from arbor.server.api.schemas import (
    GRPOCheckpointRequest,
    GRPOInitializeRequest,
    GRPOStatus,
    GRPOStepRequest,
    GRPOTerminateRequest,
)

from papillon.training.devices import cpu_threads
from papillon.training.grpo.learner import Learner, Rewarded
from papillon.training.grpo.rounds import Group, Round, Rounds
from papillon.training.one_device.sampler import Sampler

__all__ = ["GroupTrainer"]

JOB = "one-device"


class GroupTrainer:
    """The GRPO manager: opens batch ids, takes the groups in, and learns when a round is complete.

    ``asked`` is called when ArborGRPO asks for open ids, before each round, and may raise to end the training;
    ``learned`` with a round's numbers and groups when its steps are taken; ``checkpoint`` with the name and metadata
    (the validation score) of one that ArborGRPO asks for, and returns its folder. What they or the learner raise ends
    the training, and ``failed`` hears of it.
    """

    def __init__(
        self,
        learner: Learner,
        sampler: Sampler,
        rounds: Rounds,
        *,
        asked: Callable[[], None],
        learned: Callable[[dict[str, Any], list[Group]], None],
        checkpoint: Callable[[str, dict[str, Any]], str],
        failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self.learner, self.sampler, self.rounds = learner, sampler, rounds
        self._asked, self._learned, self._checkpoint, self._failed = asked, learned, checkpoint, failed
        self._checkpoints: dict[str, dict[str, Any]] = {}
        self._last_checkpoint: str | None = None
        self._told: dict[str, Any] = {}
        self._status = "pending"

    def initialize(self, request: GRPOInitializeRequest, inference_manager: Any) -> GRPOStatus:
        """Begin the job; what the request says about groups must be what this trainer was set up with."""
        expected = self.learner.settings.num_samples_per_input
        if request.trainer_config.num_generations != expected:
            raise ValueError(
                f"Expected num_generations {expected} (train.num_samples_per_input), "
                f"got {request.trainer_config.num_generations}."
            )
        self._status = "running"
        return self._state()

    def get_job_status(self, job_id: str) -> GRPOStatus:
        # ArborGRPO asks just before it samples: from here on draws are counted anew, also after a resume.
        self.sampler.draws.forget()
        with self._failing():
            self._asked()
        return self._state()

    def route_grpo_step(self, request: GRPOStepRequest) -> GRPOStatus:
        """Take one group in; with the last of a round, learn from all of them."""
        self._told |= request.metrics or {}
        round_ = self.rounds.add(request.batch_id, [dict(item) for item in request.batch])
        if round_ is not None:
            with self._failing():
                self._learn(round_)
        return self._state()

    def route_grpo_checkpoint(self, request: GRPOCheckpointRequest) -> GRPOStatus:
        with self._failing():
            folder = self._checkpoint(request.checkpoint_name, request.metadata or {})
        self._checkpoints[request.checkpoint_name] = {
            "checkpoint_name": request.checkpoint_name,
            "checkpoint_dir": folder,
            "metadata": request.metadata,
        }
        self._last_checkpoint = request.checkpoint_name
        return self._state()

    def cancel(self, job_id: str) -> GRPOStatus:
        self._status = "cancelled"
        return self._state()

    def terminate(self, request: GRPOTerminateRequest) -> GRPOStatus:
        self._status = "succeeded"
        return self._state()

    def _state(self) -> GRPOStatus:
        return GRPOStatus(
            job_id=JOB,
            status=self._status,
            current_model=JOB,
            checkpoints=self._checkpoints,
            last_checkpoint=self._last_checkpoint,
            pending_batch_ids=list(self.rounds.open),
        )

    def _learn(self, round_: Round) -> None:
        began = time.perf_counter()
        groups = [[self._drawn(item) for item in group] for group in round_.fresh]
        # Nobody else computes meanwhile.
        with self.sampler.device, cpu_threads(os.cpu_count() or 1):
            learned = self.learner.learn([[rewarded for rewarded, _ in group] for group in groups])
        self.sampler.draws.next_round()
        told, self._told = self._told, {}
        self._learned(
            {
                "round": self.sampler.draws.round,
                **asdict(learned),
                "validation_score": told.get("validation_score"),
                "repeated_groups": round_.repeated,
                "stale_groups": round_.stale,
                "sampled_tokens": self.sampler.draws.tokens,
                "learn_seconds": round(time.perf_counter() - began, 3),
            },
            [[item for _, item in group] for group in groups],
        )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._status = "failed"
            self._failed(error)
            raise

    def _drawn(self, item: dict[str, Any]) -> tuple[Rewarded, dict[str, Any]]:
        """The tokens behind one item of a group, and the item with their text.

        What was drawn in this round after this prompt, to the letter or to the fields, stands for its own tokens.
        Another text, as of a field that is a number and was written in another way, is read as it stands.
        """
        prompt = self.learner.policy.prompt(item["messages"])
        text, reward = str(item["completion"]["content"]), float(item["reward"])
        if (drawn := self.sampler.draws.find(text, prompt)) is None:
            return Rewarded(prompt, self.learner.policy.tokens(text), reward), item
        as_drawn = {**item, "completion": {**item["completion"], "content": drawn.text}}
        return Rewarded(prompt, drawn.tokens, reward, drawn.finished), as_drawn
