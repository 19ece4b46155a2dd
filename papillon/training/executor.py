"""Trains on one device behind Arbor's own server application: what answers in the place of its managers.

Arbor's routes hand each request to a GRPO manager and an inference manager; its own start vLLM and a trainer
on GPUs of their own. These two hold one model in this process instead: :class:`Sampler` draws completions
from it, many requests at a time, and :class:`GroupTrainer` collects the groups that ArborGRPO sends and lets
the learner take its steps. ArborGRPO and ArborProvider cannot tell the difference.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from queue import Queue
from typing import Any

import torch
from arbor.server.api.schemas import (
    GRPOCheckpointRequest,
    GRPOInitializeRequest,
    GRPOStatus,
    GRPOStepRequest,
    GRPOTerminateRequest,
)
from fastapi import HTTPException

from papillon.errors import InfrastructureError
from papillon.models.local.batches import batches
from papillon.training.devices import cpu_threads
from papillon.training.guide import Guide, asked_fields
from papillon.training.learner import Learner, Rewarded
from papillon.training.policy import Completion, Policy
from papillon.training.rounds import Group, Round, Rounds
from papillon.training.sampling import Sampling, uniforms
from papillon.training.settings import TrainSettings

__all__ = ["GroupTrainer", "Sampler"]

JOB = "one-device"


@dataclass
class _Waiting:
    prompt: tuple[int, ...]
    limit: int
    sampling: Sampling
    numbers: torch.Tensor
    guide: Guide | None
    answer: Future[Completion]


def _kind(waiting: _Waiting) -> tuple[Sampling, int, int]:
    """What a batch has in common; the lengths roughly, since every prompt in it takes as long as the longest."""
    return waiting.sampling, waiting.limit, len(waiting.prompt).bit_length()


class Sampler:
    """The inference manager: answers chat completions, those that wait together in one batch.

    It remembers what it drew since the last :meth:`forget`, so that the trainer learns the very tokens
    that were drawn, after the very prompt. ``gathering`` says whether rollouts are being gathered now, or else a
    validation is under way; the program has ``modules`` predictors.
    """

    def __init__(
        self,
        policy: Policy,
        settings: TrainSettings,
        device: threading.Lock,
        *,
        most: int = 64,
        gathering: Callable[[], bool] = lambda: True,
        modules: int = 1,
    ) -> None:
        self.policy, self.settings, self.device, self.most = policy, settings, device, most
        self.gathering, self.modules = gathering, modules
        self._met: list[list[str]] = []
        self.round = 0
        self.drawn: dict[str, list[Completion]] = {}
        self.tokens = 0
        self._times_asked: Counter[tuple[int, ...]] = Counter()
        self._closing = False
        self._lock = threading.Lock()
        self._queue: Queue[_Waiting | None] = Queue()
        self._thread = threading.Thread(target=self._serve, name="sampler", daemon=True)
        self._thread.start()

    async def route_inference(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one OpenAI-style chat request (what Arbor's route calls); a failure is a reply that names it."""
        try:
            waiting = self._waiting(request)
            with self._lock:
                self._refuse_at_the_end()
                self._queue.put(waiting)
            completion = await asyncio.wrap_future(waiting.answer)
        except ValueError:  # a fault of the request, which Arbor's application answers as one
            raise
        except Exception as error:
            # Raised as it is, it would hang up on the client, which then knows of a broken connection only.
            raise HTTPException(500, detail=f"{type(error).__name__}: {error}") from error
        return {
            "id": f"chatcmpl-{id(waiting)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": completion.text},
                    "finish_reason": "stop" if completion.finished else "length",
                }
            ],
            "usage": {
                "prompt_tokens": len(completion.prompt),
                "completion_tokens": len(completion.tokens),
                "total_tokens": len(completion.prompt) + len(completion.tokens),
            },
        }

    def share_guided(self, fields: list[str]) -> float:
        """The share of draws for a module with these fields whose markers are written.

        In a validation it is 0, unless it is 1 throughout. In a round's rollouts one module in turn has the settings'
        share and the others are wholly guided: ArborGRPO leaves a module's group out where a single rollout did not
        get that far.
        """
        share = self.settings.guided
        if share == 1:
            return 1.0
        if not share or not self.gathering():
            return 0.0
        if fields not in self._met:
            self._met.append(fields)
        return share if self._met.index(fields) == self.round % self.modules else 1.0

    def forget(self) -> None:
        """Count anew: the n-th draw of a prompt from here follows from the seed, the round, the prompt, n."""
        with self._lock:
            self._times_asked.clear()

    def next_round(self) -> None:
        """The policy has moved on; what was drawn before is of no more use."""
        with self._lock:
            self.round += 1
            self.drawn = {}
            self._times_asked.clear()

    def find(self, text: str, prompt: tuple[int, ...]) -> Completion | None:
        """What was drawn in this round with this text, after this prompt if that is among them."""
        found = self.drawn.get(text, [])
        return next((drawn for drawn in found if drawn.prompt == prompt), found[0] if found else None)

    def cleanup(self) -> None:
        """Stop answering: what waits is refused. Arbor's application calls this when it shuts down."""
        with self._lock:
            self._closing = True
            self._queue.put(None)
        self._thread.join(timeout=60)

    def _waiting(self, request: dict[str, Any]) -> _Waiting:
        prompt = self.policy.prompt(request["messages"])
        room = self.settings.max_seq_len - len(prompt)
        if room < 1:
            raise ValueError(
                f"Expected a prompt below {self.settings.max_seq_len} tokens (train.max_seq_len), "
                f"got {len(prompt)}; raise it, or leave this example out."
            )
        limit = min(
            request.get("max_completion_tokens") or request.get("max_tokens") or self.settings.max_tokens,
            room,
        )
        sampling = Sampling(**{name: request.get(name, default) for name, default in self.settings.sampling.items()})
        with self._lock:
            nth = self._times_asked[prompt]
            self._times_asked[prompt] += 1
            numbers = uniforms(limit, self.settings.seed, self.round, prompt, nth)
            share = self.share_guided(asked_fields(request["messages"]))
            guided = float(uniforms(1, "guided", self.settings.seed, self.round, prompt, nth)) < share
        guide = self.policy.guide(request["messages"], limit) if guided else None
        return _Waiting(prompt, limit, sampling, numbers, guide, Future())

    def _refuse_at_the_end(self) -> None:
        if self._closing:
            raise InfrastructureError("Expected a training that goes on, got one that is ending; nothing is sampled.")

    def _serve(self) -> None:
        for batch in batches(self._queue, self.most, _kind):
            self._answer(batch)

    def _answer(self, batch: list[_Waiting]) -> None:
        limit = batch[0].limit
        numbers = torch.stack([waiting.numbers for waiting in batch])
        try:
            with self.device:
                self._refuse_at_the_end()
                guides = [w.guide for w in batch]
                done = self.policy.sample([w.prompt for w in batch], numbers, batch[0].sampling, limit, guides)
        except Exception as error:  # the request that waits is where it belongs
            for waiting in batch:
                waiting.answer.set_exception(error)
            return
        with self._lock:
            for completion in done:
                self.drawn.setdefault(completion.text, []).append(completion)
                self.tokens += len(completion.tokens)
        for waiting, completion in zip(batch, done, strict=True):
            waiting.answer.set_result(completion)


class GroupTrainer:
    """The GRPO manager: opens batch ids, takes the groups in, and learns when a round is complete.

    ``asked`` is called when ArborGRPO asks for open ids, before each round, and may raise to end the training;
    ``learned`` with a round's numbers and groups when its steps are taken; ``checkpoint`` with the name and metadata
    (the validation score) of one that ArborGRPO asks for, and returns its folder. What they raise ends the
    training, and is kept as ``failure``.
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
    ) -> None:
        self.learner, self.sampler, self.rounds = learner, sampler, rounds
        self._asked, self._learned, self._checkpoint = asked, learned, checkpoint
        self.failure: Exception | None = None
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
        self.sampler.forget()
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
        groups = [[self._rewarded(item) for item in group] for group in round_.fresh]
        # Nobody else computes meanwhile.
        with self.sampler.device, cpu_threads(os.cpu_count() or 1):
            learned = self.learner.learn(groups)
        self.sampler.next_round()
        told, self._told = self._told, {}
        self._learned(
            {
                "round": self.sampler.round,
                **asdict(learned),
                "validation_score": told.get("validation_score"),
                "repeated_groups": round_.repeated,
                "stale_groups": round_.stale,
                "sampled_tokens": self.sampler.tokens,
                "learn_seconds": round(time.perf_counter() - began, 3),
            },
            round_.fresh,
        )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failure, self._status = error, "failed"
            raise

    def _rewarded(self, item: dict[str, Any]) -> Rewarded:
        """The tokens behind one item of a group.

        A text that was drawn in this round stands for its own tokens and its own prompt. ArborGRPO sends
        a parsed output in the adapter's canonical form, though, which is seldom drawn to the letter: that
        is read as it stands, and the policy learns the canonical form with the reward it earned.
        """
        prompt = self.learner.policy.prompt(item["messages"])
        text, reward = str(item["completion"]["content"]), float(item["reward"])
        if (drawn := self.sampler.find(text, prompt)) is not None:
            return Rewarded(drawn.prompt, drawn.tokens, reward, drawn.finished)
        return Rewarded(prompt, self.learner.policy.tokens(text), reward)
