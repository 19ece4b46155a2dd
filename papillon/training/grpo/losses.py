"""What GRPO minimises: advantages from rewards, and the clipped policy loss over token log-probabilities.

Everything here is arithmetic on tensors; where log-probabilities and rewards come from is the policy's and
the rollouts' matter. The formulas are those of TRL 0.23.1 (``GRPOTrainer``), which the tests hold them to.

A group is G completions drawn for one prompt of one predictor. No value network is needed: a completion is as
good as it is better than its group, A_i = r_i - mean(r) (Shao et al. 2024, arXiv 2402.03300). In a program of
several modules each predictor has a group of its own for each example, and every one of its completions
carries the reward of the whole rollout that it was part of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

__all__ = ["LossType", "PolicyLoss", "Scale", "advantages", "has_spread", "policy_loss"]

LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo"]
Scale = Literal["none", "group", "batch"]

#: Keeps a division by a spread of almost 0 finite, as in TRL.
_TINY = 1e-4


def advantages(rewards: Tensor, group_size: int, scale: Scale = "none") -> Tensor:
    """How much better than its group each completion did.

    ``rewards`` is [N], N a multiple of ``group_size``, groups side by side; the result is [N]. ``scale``
    divides by the standard deviation (unbiased) of the ``group`` (arXiv 2402.03300) or of the whole
    ``batch`` (arXiv 2508.08221); ``none`` leaves the difference as it is (Dr. GRPO, arXiv 2503.20783).
    """
    groups = rewards.view(-1, group_size)
    centred = (groups - groups.mean(dim=1, keepdim=True)).flatten()
    if scale == "none":
        return centred
    spread = groups.std(dim=1).repeat_interleave(group_size) if scale == "group" else rewards.std()
    return centred / (spread + _TINY)


def has_spread(rewards: list[float]) -> bool:
    """Whether a group can teach anything: equal rewards give advantages of 0, and so no gradient."""
    return max(rewards) - min(rewards) > 1e-8


@dataclass(frozen=True)
class PolicyLoss:
    """The loss, a scalar with its gradient, and two means over completion tokens worth writing down."""

    loss: Tensor
    #: Share of tokens whose ratio left the trust region on the side where its gradient is cut, 0..1.
    clipped: float
    #: Mean of the KL estimate from the reference, 0 without one.
    kl: float


def policy_loss(
    logprobs: Tensor,
    advantage: Tensor,
    mask: Tensor,
    *,
    old_logprobs: Tensor | None = None,
    reference_logprobs: Tensor | None = None,
    loss_type: LossType = "dapo",
    epsilon: float = 0.2,
    epsilon_high: float = 0.28,
    delta: float | None = None,
    beta: float = 0.0,
    tokens_in_step: float | None = None,
    max_length: int | None = None,
    accumulation: float = 1.0,
) -> PolicyLoss:
    """The share that one micro-batch has in the loss of one optimiser step.

    ``logprobs`` [B, T] of the completions' tokens under the policy, ``advantage`` [B], ``mask`` [B, T] with 1
    where a token counts. ``old_logprobs`` [B, T] are those of the policy that drew the tokens; None says that
    it is this very one, so that every ratio is 1 and only the gradient is left. ``reference_logprobs`` [B, T]
    are the untrained model's and are needed when ``beta`` > 0.

    With ratio q = exp(logprobs - old), each token loses -min(q A, clip(q, 1 - epsilon, 1 + epsilon_high) A)
    + beta KL. Where A < 0 that has no bound: a token that the step before made a thousand times as likely outweighs all
    others. With ``delta`` the first q is at most that (arXiv 2505.07291). ``loss_type`` says how tokens are averaged:

    ======== =============================================================== ======================
    grpo     over each completion, then over completions                     arXiv 2402.03300
    bnpo     over the micro-batch's tokens                                   TRL
    dr_grpo  sum over B * ``max_length``, a constant: no reward for length   arXiv 2503.20783
    dapo     over all ``tokens_in_step`` of the optimiser step               arXiv 2503.14476
    ======== =============================================================== ======================

    The first three are divided by ``accumulation``, the step's completions over this micro-batch's B; dapo's
    normaliser has them in it already.
    """
    old = logprobs.detach() if old_logprobs is None else old_logprobs
    ratio = torch.exp(logprobs - old)
    kept = ratio.clamp(1 - epsilon, 1 + epsilon_high)
    bounded = ratio if delta is None else ratio.clamp(max=delta)
    gain = advantage.unsqueeze(1)
    loss = -torch.min(bounded * gain, kept * gain)
    kl = torch.zeros_like(loss)
    if beta:
        if reference_logprobs is None:
            raise ValueError(f"Expected reference_logprobs for beta {beta}, got None; pass the untrained model's.")
        apart = reference_logprobs - logprobs
        kl = torch.exp(apart) - apart - 1
        loss = loss + beta * kl

    summed = (loss * mask).sum(-1)
    match loss_type:
        case "grpo":
            total = (summed / mask.sum(-1).clamp(min=1.0)).mean() / accumulation
        case "bnpo":
            total = summed.sum() / mask.sum().clamp(min=1.0) / accumulation
        case "dr_grpo":
            if max_length is None:
                raise ValueError("Expected max_length for dr_grpo, got None; pass the longest completion allowed.")
            total = summed.sum() / (loss.size(0) * max_length) / accumulation
        case "dapo":
            total = summed.sum() / (mask.sum().clamp(min=1.0) if tokens_in_step is None else tokens_in_step)

    cut = ((ratio < 1 - epsilon) & (gain < 0)) | ((ratio > 1 + epsilon_high) & (gain > 0))
    tokens = mask.sum().clamp(min=1.0)
    return PolicyLoss(total, float((cut * mask).sum() / tokens), float((kl.detach() * mask).sum() / tokens))
