"""What sampler and learner compute on a device in bf16 and float32, beside the CPU in float32.

Errors are ‖x - reference‖ / ‖reference - its mean‖: log-probabilities lie far from 0 and near each other, and what is
learned is how they differ.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from papillon.models.local.causal_model import Completion
from papillon.models.local.sampling import Sampling
from papillon.training.grpo.learner import Learner
from papillon.training.grpo.losses import policy_loss
from papillon.training.grpo.policy import Policy
from tests.gpu.batch import Size, chances, conversations, groups_of, prompts, settings_for
from tests.gpu.shapes import build, tokenizer

__all__ = ["Check", "numbers"]

#: A prompt and a completion, in tokens.
Pair = tuple[tuple[int, ...], tuple[int, ...]]

#: Largest errors that pass; bf16 keeps 8 bits of a number, which some 30 layers add up: on the CPU too it is 0.08 off
#: with SmolLM2-135M's shape and 0.15 with Qwen2.5-1.5B's, of which a device may have twice as much.
_BARS = {"float32": 1e-3, "bf16": 0.3}
#: Random weights are about as undecided as a trained model at 1.0 when they are asked at this temperature.
_DRAWN = Sampling(temperature=0.06)
_COSINES = {"float32": 0.999, "bf16": 0.98}


@dataclass(frozen=True)
class Check:
    """Something that must hold: ``value`` at most ``bar``, or at least where ``more`` is better; None for no bar."""

    name: str
    value: float
    bar: float | None = None
    more: bool = False

    @property
    def holds(self) -> bool:
        return self.bar is None or (self.value >= self.bar if self.more else self.value <= self.bar)


def numbers(shape: str, device: str, size: Size, *, sequences: int = 8) -> list[Check]:
    """The same model on the CPU in float32 and on ``device`` in both: chances, gradient, draws, and a resumed step."""
    settings = settings_for(
        size, gradient_checkpointing=False, lora_config={"r": 8, "lora_alpha": 16, "lora_dropout": 0.0}
    )
    base, words = build(shape), tokenizer()
    limit = min(size.tokens, 16)

    def policy(on: str, *, half: bool) -> Policy:
        model = copy.deepcopy(base)
        made = Policy.of(model.to(torch.bfloat16) if half else model, words, settings, on)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():  # an adapter begins without effect, which would test the model alone
            for name, weight in made.model.named_parameters():
                if "lora_B" in name:
                    weight.copy_(torch.randn(weight.shape, generator=generator) * 0.02)
        return made

    reference = policy("cpu", half=False)
    asked = prompts(reference, sequences // len(conversations()))
    decided = chances(sequences, limit, shape)
    drawn = reference.sample(asked, decided, _DRAWN, limit)
    pairs = [(completion.prompt, completion.tokens) for completion in drawn]
    said, mask, slope = _learned(reference, pairs)
    checks = []
    for kind in ("float32", "bf16"):
        there = policy(device, half=kind == "bf16")
        chance, _, gradient = _learned(there, pairs)
        checks += [
            Check(f"{kind}: error of log-probabilities", _error(chance, said, mask), _BARS[kind]),
            Check(f"{kind}: cosine of the gradient", _cosine(gradient, slope), _COSINES[kind], more=True),
            Check(f"{kind}: length of the gradient", float(gradient.norm() / slope.norm())),
        ]
        again = there.sample(asked, decided, _DRAWN, limit)
        alone = [there.sample([asked[i]], decided[i : i + 1], _DRAWN, limit)[0] for i in range(sequences)]
        bar = 0.9 if kind == "float32" else None
        checks += [
            Check(f"{kind}: share of tokens drawn as on the CPU", _alike(again, drawn), bar, more=True),
            Check(f"{kind}: share of tokens drawn alike alone and in a batch", _alike(alone, again), bar, more=True),
        ]
        if kind == "bf16":
            checks += _resumed(there, policy(device, half=True), again, exact=device == "cpu")
        del there
    return checks


def _learned(policy: Policy, pairs: list[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities and mask [B, T], and the gradient [N] of the loss, on the CPU in float32."""
    policy.model.train()
    logprobs, mask = policy.logprobs(pairs)
    gains = torch.linspace(-1, 1, len(pairs), device=logprobs.device)
    policy_loss(logprobs, gains, mask).loss.backward()
    weights = [weight for weight in policy.model.parameters() if weight.requires_grad]
    slope = torch.cat([weight.grad.flatten().float().cpu() for weight in weights])
    for weight in weights:
        weight.grad = None
    return logprobs.detach().float().cpu(), mask.cpu(), slope


def _resumed(one: Policy, other: Policy, drawn: list[Completion], *, exact: bool) -> list[Check]:
    """A step after a resume beside the step that it repeats: on the CPU they are the same, bit for bit.

    CUDA's sums take their order from chance, so there they are alike and not the same.
    """
    settings = settings_for(Size(tokens=8, long=8, rounds=1), gradient_checkpointing=False, learning_rate=1e-3)
    groups = groups_of(drawn, len(drawn) // 2)
    first = Learner(one, settings)
    first.learn(groups)
    state, before = copy.deepcopy(first.state()), {name: weight.clone() for name, weight in one.adapter().items()}
    first.learn(groups)
    second = Learner(other, settings)
    with torch.no_grad():
        for name, weight in other.adapter().items():
            weight.copy_(before[name])
    second.load_state(state)
    second.learn(groups)
    ours, theirs = (
        torch.cat([(weight - before[name]).flatten().float().cpu() for name, weight in policy.adapter().items()])
        for policy in (one, other)
    )
    same = float((ours == theirs).float().mean())
    return [
        Check("bf16: cosine of a resumed step and the step it repeats", _cosine(ours, theirs), 0.9, more=True),
        Check("bf16: share of weights that a resumed step makes the same", same, 1.0 if exact else None, more=True),
    ]


def _error(values: Tensor, reference: Tensor, mask: Tensor) -> float:
    kept = mask.bool()
    values, reference = values[kept], reference[kept]
    return float((values - reference).norm() / (reference - reference.mean()).norm())


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def _alike(one: list[Completion], other: list[Completion]) -> float:
    """The share of tokens before the first that differs: what follows it answers to another text."""
    shares = []
    for a, b in zip(one, other, strict=True):
        same = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(a.tokens, b.tokens, strict=False)))
        shares.append(same / max(len(a.tokens), len(b.tokens)))
    return sum(shares) / len(shares)
