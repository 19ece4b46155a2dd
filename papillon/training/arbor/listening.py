"""Arbor's managers, overheard: what was drawn, what goes to its trainer, and when, and each checkpoint that comes out.

The job opens one batch id at a time, its trainer learns a group a step, and what ArborGRPO sends beyond the open ids
waits or is thrown away: of a round of 8 groups one was learned, up to 7 rounds old. Here a round's ids are opened
together, when the trainer has nothing left to learn, and each of its groups whose rewards differ goes in once, with
the outputs as they were drawn.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from papillon.errors import EndpointError
from papillon.training.arbor.processes import FAILED
from papillon.training.grpo.outputs import Outputs
from papillon.training.grpo.rounds import Group, Round, Rounds

if TYPE_CHECKING:
    import dspy

__all__ = ["Drawn", "Listening", "Training"]


class Training(Protocol):
    """What is to be heard of, and what may end it."""

    def watched(self, work: Callable[[], Any]) -> Any: ...
    def asked(self) -> None: ...
    def learned(self, round_: Round, sent: int, told: dict[str, Any]) -> bool: ...
    def saved(self, name: str, folder: Path, score: float | None) -> None: ...
    def failing(self) -> Any: ...


class Drawn:
    """Arbor's inference manager, asked by predictors of these ``signatures``; what it answered since :meth:`forget`."""

    def __init__(self, manager: Any, signatures: Sequence[type[dspy.Signature]]) -> None:
        self._manager = manager
        self._outputs: Outputs[str] = Outputs(signatures)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    async def route_inference(self, request: dict[str, Any]) -> Any:
        answer = await self._manager.route_inference(request)
        for choice in answer.get("choices", ()):  # an error has none
            text = str(choice["message"]["content"])
            self._outputs.keep(_asked(request["messages"]), text, text)
        return answer

    def as_drawn(self, item: dict[str, Any]) -> dict[str, Any]:
        """What ArborGRPO sends of a run, with the text that the model drew."""
        completion = item["completion"]
        text = self._outputs.find(_asked(item["messages"]), completion["content"])
        return item if text is None else {**item, "completion": {**completion, "content": text}}

    def forget(self) -> None:
        """A round has ended."""
        self._outputs.clear()


class Listening:
    """The ``manager`` with our rounds in front of it, of at most ``most`` groups whose outputs are in ``drawn``.

    ``unlisted`` are settings of the trainer's that a request cannot hold. ``training.learned`` says after each round
    whether a checkpoint to go on from is due.
    """

    def __init__(self, manager: Any, drawn: Drawn, training: Training, most: int, unlisted: dict[str, Any]) -> None:
        self._manager, self._drawn, self._training, self._unlisted = manager, drawn, training, unlisted
        self._rounds = Rounds(most)
        self._sent, self._told = 0, dict[str, Any]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def initialize(self, request: Any, inference_manager: Any) -> Any:
        told = request.trainer_config.model_dump(exclude_unset=True) | self._unlisted
        config = _open(type(request.trainer_config))(**told)
        return self._manager.initialize(request.model_copy(update={"trainer_config": config}), inference_manager)

    def get_job_status(self, job_id: str) -> Any:
        with self._training.failing():
            self._training.asked()
            status = self._manager.get_job_status(job_id)
            return self._opened(status, self._waits(status))

    def route_grpo_step(self, request: Any) -> Any:
        with self._training.failing():
            self._told |= request.metrics or {}
            round_ = self._rounds.add(request.batch_id, [dict(item) for item in request.batch])
            if round_ is not None:
                self._learn(round_, request)
            return self._opened(self._manager.get_job_status(request.job_id), round_ is None)

    def route_grpo_checkpoint(self, request: Any) -> Any:
        with self._training.failing():
            self._until_learned(request.job_id)
            status = self._training.watched(lambda: self._manager.route_grpo_checkpoint(request))
            if name := status.last_checkpoint:
                if (why := status.checkpoints[name].get(FAILED)) is not None:
                    raise EndpointError(
                        f"Expected Arbor's trainer to save a checkpoint, got {why}; mend that, and resume (--resume)."
                    )
                if folder := status.checkpoints[name].get("checkpoint_dir"):
                    self._training.saved(name, Path(folder), (request.metadata or {}).get("score"))
            return status

    def terminate(self, request: Any) -> Any:
        self._checkpoint(request.job_id)  # Arbor's own last one may fail without a word
        return self._manager.terminate(request)

    def _learn(self, round_: Round, request: Any) -> None:
        round_ = replace(round_, fresh=[[self._drawn.as_drawn(item) for item in group] for group in round_.fresh])
        self._drawn.forget()
        telling = [group for group in round_.fresh if _differ(group)]
        told, self._told = self._told, {}
        for group in telling:
            one = request.model_copy(update={"batch": group, "metrics": told})
            self._training.watched(lambda one=one: self._manager.route_grpo_step(one))  # type: ignore[misc]
            self._sent += 1
        if self._training.learned(round_, len(telling), told):
            self._checkpoint(request.job_id)

    def _checkpoint(self, job_id: str) -> None:
        from arbor.server.api.schemas import GRPOCheckpointRequest

        self.route_grpo_checkpoint(GRPOCheckpointRequest(job_id=job_id, checkpoint_name="to-go-on"))

    def _until_learned(self, job_id: str) -> None:
        """Wait for the trainer to have learned all that was sent: it would save itself in the midst of that."""

        def wait() -> None:
            while not self._waits(self._manager.get_job_status(job_id)):
                time.sleep(0.2)

        self._training.watched(wait)

    def _waits(self, status: Any) -> bool:
        """Whether the trainer asks for a group that was not sent yet, so that the sampler has its newest weights."""
        return any(asked >= self._sent for asked in status.pending_batch_ids)

    def _opened(self, status: Any, really: bool) -> Any:
        return status.model_copy(update={"pending_batch_ids": list(self._rounds.open) if really else []})


def _differ(group: Group) -> bool:
    """Whether a group's rewards tell anything."""
    return len({float(item["reward"]) for item in group}) > 1


def _asked(messages: Any) -> str:
    return json.dumps([[message["role"], message["content"]] for message in messages])


def _open(listed: Any) -> Any:
    """The class of a request's settings, taking others too."""
    from pydantic import ConfigDict

    return type(listed.__name__, (listed,), {"model_config": ConfigDict(extra="allow"), "__module__": __name__})
