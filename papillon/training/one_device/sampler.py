"""The sampler: answers Arbor's chat requests from the policy, each with a draw of its own that can be made again."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from papillon.errors import InfrastructureError
from papillon.models.local.batching import BatchingSampler, Draw
from papillon.models.local.sampling import Sampling, uniforms
from papillon.training.grpo.policy import Policy
from papillon.training.one_device.draws import Draws
from papillon.training.one_device.guide import Guides
from papillon.training.settings import TrainSettings

if TYPE_CHECKING:
    import dspy

__all__ = ["Sampler"]

#: Most sequences of one batch.
_BATCH = 64


class Sampler:
    """The inference manager of Arbor's application; ``device`` is held while the policy computes.

    ``draws`` are those of the round, ``guides`` say which of them are guided, none unless told otherwise; predictors of
    these ``signatures`` read them.
    """

    def __init__(
        self,
        policy: Policy,
        settings: TrainSettings,
        device: threading.Lock,
        guides: Guides | None = None,
        signatures: Sequence[type[dspy.Signature]] = (),
    ) -> None:
        self.policy, self.settings, self.device = policy, settings, device
        self.guides = guides or Guides(policy, settings.guided)
        self.draws = Draws(signatures)
        self.batches = BatchingSampler(policy, most=_BATCH, device=device, drawn=self.draws.keep)

    async def route_inference(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one OpenAI-style chat request (what Arbor's route calls); a failure is a reply that names it."""
        try:
            completion = await asyncio.wrap_future(self.batches.ask(self._draw(request)))
        except ValueError:  # a fault of the request, which Arbor's application answers as one
            raise
        except Exception as error:
            from fastapi import HTTPException  # Arbor's application has it; to sample without one needs none

            # Raised as it is, it would hang up on the client, which then knows of a broken connection only.
            raise HTTPException(500, detail=f"{type(error).__name__}: {error}") from error
        read, written = len(completion.prompt), len(completion.tokens)
        message = {"role": "assistant", "content": completion.text}
        ended = "stop" if completion.finished else "length"
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": ended}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        }

    def cleanup(self) -> None:
        """Stop answering: what waits is refused. Arbor's application calls this when it shuts down."""
        self.batches.close(
            InfrastructureError("Expected a training that goes on, got one that is ending; nothing is sampled.")
        )

    def _draw(self, request: dict[str, Any]) -> Draw:
        prompt = self.policy.prompt(request["messages"])
        room = self.settings.max_seq_len - len(prompt)
        if room < 1:
            raise ValueError(
                f"Expected a prompt below {self.settings.max_seq_len} tokens (train.max_seq_len), "
                f"got {len(prompt)}; raise it, or leave this example out."
            )
        asked = request.get("max_completion_tokens") or request.get("max_tokens") or self.settings.max_tokens
        limit = min(asked, room)
        sampling = Sampling(**{name: request.get(name, default) for name, default in self.settings.sampling.items()})
        chance = (self.settings.seed, self.draws.round, prompt, self.draws.number(prompt))
        guide = self.guides.of(request["messages"], limit, self.draws.round, float(uniforms(1, "guided", *chance)))
        return Draw(prompt, sampling, uniforms(limit, *chance), guide)
