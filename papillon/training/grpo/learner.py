"""One round of learning: groups of rewarded completions in, steps of the optimiser out.

This is GRPO over a program of several modules. A group holds the completions that one predictor gave for one
example in several runs of the whole program; each carries the reward of its run. Within a group the mean
reward is the baseline; the groups of all predictors meet in the same steps, and one adapter learns from all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from papillon.errors import PapillonError, RunStopped
from papillon.training.grpo.losses import Scale, advantages, has_spread, policy_loss
from papillon.training.grpo.policy import Policy
from papillon.training.settings import TrainSettings

__all__ = ["DivergenceError", "Learned", "Learner", "Rewarded"]

#: Tokens of a prompt, and of its completion, that are looked at after a round's last step.
_FEW = 16


class DivergenceError(PapillonError):
    """The loss, its gradient, or what the model says after a step is no number any more."""


@dataclass(frozen=True)
class Rewarded:
    """A completion in tokens, its prompt, its rollout's reward, and whether it ended before the limit."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    reward: float
    finished: bool = True


@dataclass(frozen=True)
class Learned:
    """What one round came to: counts, and means over groups (reward, spread) and over steps (the rest).

    ``alike`` groups had equal rewards and taught nothing; ``truncated`` completions ran into the limit.
    """

    steps: int
    groups: int
    alike: int
    truncated: int
    tokens: int
    reward: float
    spread: float
    loss: float
    clipped: float
    kl: float
    gradient: float
    learning_rate: float


@dataclass(frozen=True)
class _Batch:
    """What one step learns: completions with their advantages, of ``completions`` in all with so many ``tokens``."""

    weighed: list[tuple[Rewarded, float]]
    completions: int
    tokens: int

    @property
    def pairs(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        return [(item.prompt, item.tokens) for item, _ in self.weighed]


class Learner:
    """The optimiser and its schedule over the policy's adapter."""

    def __init__(self, policy: Policy, settings: TrainSettings) -> None:
        self.policy, self.settings = policy, settings
        #: Ends a round's learning before its next micro-batch, with RunStopped; what it did is in no checkpoint.
        self.stopped = False
        self.weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        warmup = settings.warmup_steps if settings.lr_scheduler_type == "constant_with_warmup" else 0
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, step / warmup) if warmup else 1.0
        )

    def learn(self, groups: Sequence[Sequence[Rewarded]]) -> Learned:
        """Take the optimiser's steps that a round's groups give; none where every group's rewards are alike.

        Raises DivergenceError for what is no number: before the step that would write it into the weights, or after
        one that made the model's probabilities so.
        """
        telling = [group for group in groups if has_spread([item.reward for item in group])]
        in_step = max(1, self.settings.sequences_per_step // self.settings.num_samples_per_input)
        batches = [self._batch(telling[i : i + in_step]) for i in range(0, len(telling), in_step)]
        batches = [batch for batch in batches if batch.weighed]
        # The first step moves the policy away from the one that drew the completions, whose probabilities the
        # later steps' ratios need. With a single step the two are the same.
        old = [self._chances(batch) for batch in batches] if len(batches) > 1 else [None] * len(batches)
        steps = [self._step(batch, before) for batch, before in zip(batches, old, strict=True)]
        if batches:
            # A step that was too large shows in what the model says next, at any token, so a few are looked at; before
            # that is kept as a checkpoint.
            item, gain = batches[-1].weighed[0]
            few = replace(item, prompt=item.prompt[-_FEW:], tokens=item.tokens[:_FEW])
            one = replace(batches[-1], weighed=[(few, gain)])
            self._finite(self._chances(one)[0].sum(), "probability after the step")
        rewards = [torch.tensor([item.reward for item in group]) for group in groups]
        return Learned(
            steps=len(steps),
            groups=len(groups),
            alike=len(groups) - len(telling),
            truncated=sum(not item.finished for group in groups for item in group),
            tokens=sum(len(item.tokens) for group in groups for item in group),
            reward=_mean(float(group.mean()) for group in rewards),
            spread=_mean(float(group.std()) for group in rewards),
            learning_rate=self.schedule.get_last_lr()[0],
            **{name: _mean(step[name] for step in steps) for name in ("loss", "clipped", "kl", "gradient")},
        )

    def state(self) -> dict[str, Any]:
        """What the next step follows from besides the adapter: optimiser, schedule, random state."""
        chance = {"cpu": torch.get_rng_state()}
        if self.policy.device != "cpu":
            chance["cuda"] = torch.cuda.get_rng_state()
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "chance": chance,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["chance"]["cpu"])
        if "cuda" in state["chance"] and self.policy.device != "cpu":
            torch.cuda.set_rng_state(state["chance"]["cuda"])

    def _batch(self, groups: Sequence[Sequence[Rewarded]]) -> _Batch:
        """These groups' completions; a truncated one counts in means and averages and is not learned, as in TRL."""
        scale: Scale = "group" if self.settings.scale_rewards else "none"
        masked = self.settings.mask_truncated_completions
        weighed = []
        for group in groups:
            gains = advantages(torch.tensor([item.reward for item in group]), len(group), scale).tolist()
            weighed += [(item, gain) for item, gain in zip(group, gains, strict=True) if item.finished or not masked]
        items = [item for group in groups for item in group]
        return _Batch(weighed, len(items), sum(len(item.tokens) for item in items))

    def _step(self, batch: _Batch, before: list[Tensor] | None) -> dict[str, float]:
        """One step of the optimiser over a batch, a micro-batch at a time."""
        self.policy.model.train()
        size = self.settings.per_device_train_batch_size
        every, starts = batch.pairs, range(0, len(batch.weighed), size)
        # bnpo averages over tokens that are learned; the others over all completions, as TRL does.
        averaged = len(batch.weighed) if self.settings.loss_type == "bnpo" else batch.completions
        said: list[dict[str, float]] = []
        for number, start in enumerate(starts):
            part = slice(start, start + size)
            pairs = every[part]
            logprobs, mask = self._logprobs(pairs)
            result = policy_loss(
                logprobs,
                torch.tensor([gain for _, gain in batch.weighed[part]], device=logprobs.device),
                mask,
                old_logprobs=None if before is None else before[number],
                reference_logprobs=self._reference(pairs) if self.settings.beta else None,
                loss_type=self.settings.loss_type,
                epsilon=self.settings.epsilon,
                epsilon_high=self.settings.epsilon_high,
                delta=self.settings.delta,
                beta=self.settings.beta,
                tokens_in_step=float(batch.tokens),
                max_length=self.settings.max_completion_length or self.settings.max_tokens,
                # A short last micro-batch has its own share, not a whole one's.
                accumulation=averaged / len(pairs),
            )
            self._finite(result.loss, "loss")
            result.loss.backward()
            said.append({"loss": float(result.loss.detach()), "clipped": result.clipped, "kl": result.kl})
        gradient = torch.nn.utils.clip_grad_norm_(self.weights, self.settings.max_grad_norm)
        self._finite(gradient, "gradient's norm")
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return {
            "loss": sum(part["loss"] for part in said),
            "clipped": _mean(part["clipped"] for part in said),
            "kl": _mean(part["kl"] for part in said),
            "gradient": float(gradient),
        }

    def _chances(self, batch: _Batch) -> list[Tensor]:
        """The tokens' log-probabilities under the policy as it is now, a micro-batch at a time."""
        self.policy.model.eval()
        size = self.settings.per_device_train_batch_size
        pairs = batch.pairs
        starts = range(0, len(pairs), size)
        with torch.no_grad():
            return [self._logprobs(pairs[i : i + size])[0] for i in starts]

    def _reference(self, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> Tensor:
        with torch.no_grad(), self.policy.without_adapter():
            return self._logprobs(pairs)[0]

    def _logprobs(self, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> tuple[Tensor, Tensor]:
        if self.stopped:
            raise RunStopped("The training was stopped in a round's steps, and goes on from the round before.")
        return self.policy.logprobs(pairs, self.settings.temperature)

    def _finite(self, value: Tensor, what: str) -> None:
        if not bool(torch.isfinite(value)):
            self.optimizer.zero_grad()
            raise DivergenceError(
                f"Expected a finite {what}, got {value.item()}; training stopped and keeps its last "
                f"checkpoint: go on from it with train.learning_rate below {self.settings.learning_rate}."
            )


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else 0.0
