"""GRPO as a plain loop, without Arbor: sample, reward, learn. The reward must rise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from papillon.models.local.sampling import Sampling
from papillon.training.grpo.learner import Learner
from tests.gpu.batch import Size, chances, groups_of, prompts, settings_for
from tests.gpu.numbers import Check
from tests.gpu.shapes import policy_of

__all__ = ["learning"]


def learning(shape: str, device: str, size: Size, *, rounds: int) -> tuple[list[Check], dict[str, Any]]:
    """The mean reward of each round, and that it is higher in the last third of them than in the first.

    Rewarded is the share of tokens whose vectors point one way along the first axis: random weights leave nothing else
    to be learned that the model could tell.
    """
    more = {"learning_rate": 3e-3, "warmup_steps": 0, "lora_config": {"lora_dropout": 0.0}}
    settings = settings_for(size, **more)
    policy = policy_of(shape, settings, device)
    learner, each, limit = Learner(policy, settings), settings.num_samples_per_input, min(size.tokens, 24)
    asked = prompts(policy, each)
    pointing = (policy.model.get_input_embeddings().weight[:, 0] > 0).tolist()

    def reward(tokens: Sequence[int]) -> float:
        return sum(pointing[token] for token in tokens) / len(tokens)

    rewards = []
    for number in range(rounds):
        done = policy.sample(asked, chances(len(asked), limit, "learning", number), Sampling(), limit)
        rewards.append(sum(reward(completion.tokens) for completion in done) / len(done))
        learner.learn(groups_of(done, each, reward))
    third = max(1, rounds // 3)
    gain = sum(rewards[-third:]) / third - sum(rewards[:third]) / third
    return [Check("reward of the last third above the first", gain, 0.02, more=True)], {"rewards": rewards}
