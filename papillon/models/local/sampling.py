"""How the next token is drawn from a model's logits: the four sampling values, and one number per draw.

A draw is a pure function of the logits and one uniform number, so which other sequences share the batch
changes nothing about it. Running the model is ``causal_model``'s matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = ["Sampling", "Steering", "draw", "uniforms"]


@dataclass(frozen=True)
class Sampling:
    """temperature > 0; top_p in (0, 1]; top_k, -1 or 0 for all tokens; repetition_penalty > 0, 1 for none."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    repetition_penalty: float = 1.0


class Steering(Protocol):
    """What writes some of a completion's tokens itself, in the place of what was drawn."""

    @property
    def barred(self) -> frozenset[int]:
        """The tokens that must not be drawn next."""

    def write(self, drawn: int) -> int:
        """The token that is written where the model drew ``drawn``."""


def draw(logits: Tensor, uniform: Tensor, sampling: Sampling, seen: Tensor | None = None) -> Tensor:
    """One token for each row: ``logits`` [B, V], ``uniform`` [B] in [0, 1), result [B].

    ``seen`` [B, V] is true for tokens of the prompt and of the completion so far, and needed where there is a
    repetition penalty. The order is vLLM's and transformers': penalty, temperature, top-k, top-p.
    """
    logits = logits.float()
    if sampling.repetition_penalty != 1.0 and seen is not None:
        # CTRL's penalty (arXiv 1909.05858): it makes a logit smaller whatever its sign.
        lowered = torch.where(logits > 0, logits / sampling.repetition_penalty, logits * sampling.repetition_penalty)
        logits = torch.where(seen, lowered, logits)
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < logits.size(-1):
        smallest = logits.topk(sampling.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if sampling.top_p < 1.0:
        ranked, order = logits.sort(dim=-1, descending=True)
        share = ranked.softmax(dim=-1)
        # A token stays while those before it do not reach top_p, so the most likely one always does.
        beyond = share.cumsum(dim=-1) - share >= sampling.top_p
        logits = logits.masked_fill(beyond.scatter(-1, order, beyond), -torch.inf)
    ladder = logits.softmax(dim=-1).double().cumsum(dim=-1)
    target = uniform.double().to(ladder.device).unsqueeze(1) * ladder[:, -1:]
    return torch.searchsorted(ladder, target, right=True).squeeze(1)


def uniforms(count: int, *names: object) -> Tensor:
    """``count`` numbers in [0, 1) that follow from ``names`` alone, the same on every machine."""
    digest = hashlib.blake2b(repr(names).encode(), digest_size=16).digest()
    return torch.from_numpy(np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big"))).random(count))
