"""The tutorial's batch: four examples, eight completions of each, and a reward that random weights can earn."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from papillon.models.local.causal_model import Completion
from papillon.models.local.sampling import uniforms
from papillon.training.grpo.learner import Rewarded
from papillon.training.grpo.policy import Policy
from papillon.training.settings import TrainSettings
from tests.gpu.shapes import BUNDLE

__all__ = ["Size", "chances", "conversations", "even", "groups_of", "prompts", "settings_for"]

Message = dict[str, str]


@dataclass(frozen=True)
class Size:
    """How much is computed: completions of ``tokens`` tokens, ``long`` for the step that takes the most memory.

    A round is ``each`` completions of ``examples`` prompts; those of a prompt are a group and a micro-batch.
    """

    tokens: int
    long: int
    rounds: int
    examples: int = TrainSettings.num_dspy_examples_per_grpo_step
    each: int = TrainSettings.num_samples_per_input

    @classmethod
    def of(cls, *, tiny: bool) -> Size:
        return cls(tokens=8, long=32, rounds=2) if tiny else cls(tokens=64, long=2048, rounds=2)


def settings_for(size: Size, **more: object) -> TrainSettings:
    """The tutorial's settings, at completions of this size; with random weights none ends before."""
    batch = {
        "num_dspy_examples_per_grpo_step": size.examples,
        "num_samples_per_input": size.each,
        "gradient_accumulation_steps": size.examples,
        "per_device_train_batch_size": size.each,
    }
    return TrainSettings().override({"max_tokens": size.tokens, "mask_truncated_completions": False, **batch, **more})


def conversations() -> list[list[Message]]:
    """What PAPILLON's first module asks of the local model, for the first four rows of ``mini``."""
    carried = BUNDLE / "prompts.json"
    if carried.exists():
        told: list[list[Message]] = json.loads(carried.read_text(encoding="utf-8"))
        return told
    import dspy

    from papillon.data import load
    from papillon.program import PAPILLON

    craft = PAPILLON(lambda request: "").predictors()[0].signature
    rows = load("mini").rows[: TrainSettings.num_dspy_examples_per_grpo_step]
    return [dspy.ChatAdapter().format(craft, [], {"user_query": row.user_query}) for row in rows]


def prompts(policy: Policy, each: int) -> list[tuple[int, ...]]:
    """The conversations as the policy reads them, each of them ``each`` times."""
    return [prompt for messages in conversations() for prompt in [policy.prompt(messages)] * each]


def chances(rows: int, limit: int, *names: object) -> Tensor:
    """The numbers [rows, limit] that decide a batch's draws, and follow from ``names``."""
    return torch.stack([uniforms(limit, *names, row) for row in range(rows)])


def even(tokens: Sequence[int]) -> float:
    """The share of tokens with an even number: a reward that tells completions apart and costs nothing."""
    return sum(token % 2 == 0 for token in tokens) / len(tokens)


def groups_of(
    completions: Sequence[Completion], size: int, reward: Callable[[Sequence[int]], float] = even
) -> list[list[Rewarded]]:
    """Completions side by side as groups of ``size``, each with its reward."""
    items = [Rewarded(done.prompt, done.tokens, reward(done.tokens), done.finished) for done in completions]
    return [items[at : at + size] for at in range(0, len(items), size)]
