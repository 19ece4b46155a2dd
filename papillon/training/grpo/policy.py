"""The policy: the model that is trained, a frozen base with a LoRA adapter, and how likely it finds completions.

What it says to a prompt is every model's in this process (``papillon.models.local``); what is done with its
log-probabilities is the learner's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from papillon.errors import UsageError
from papillon.models.local.causal_model import CausalModel, read_model
from papillon.training.settings import Lora, TrainSettings

__all__ = ["Policy"]


class Policy(CausalModel):
    """A causal language model with a trainable adapter on one device."""

    def __init__(self, model: Any, tokenizer: Any, lora: Lora, *, device: str = "cpu", seed: int = 0) -> None:
        torch.manual_seed(seed)  # the adapter's first weights
        super().__init__(model, tokenizer, {**asdict(lora), "target_modules": list(lora.target_modules)}, device=device)

    @classmethod
    def load(cls, settings: TrainSettings, device: str) -> Policy:
        """The settings' model; raises UsageError naming it where it cannot be had."""
        model, tokenizer = read_model(settings.model, half=settings.bf16 and device != "cpu", setting="train.model")
        return cls.of(model, tokenizer, settings, device)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, settings: TrainSettings, device: str) -> Policy:
        """A model that is read already, as the settings have it trained; raises UsageError where no layer fits."""
        try:
            policy = cls(model, tokenizer, settings.lora_config, device=device, seed=settings.seed)
        except ValueError as error:  # peft's, for an adapter that fits no layer
            reason = str(error).strip().split("\n")[0]
            raise UsageError(
                f"Expected layers of {settings.model!r} in train.lora_config.target_modules, got: {reason} "
                "Name linear layers that the model has."
            ) from error
        policy.model.peft_config["default"].base_model_name_or_path = settings.model
        if settings.gradient_checkpointing and device != "cpu":
            policy.checkpoint_gradient()
        return policy

    def checkpoint_gradient(self) -> None:
        """Keep the layers' inputs alone of a forward pass, and compute the rest again for the gradient."""
        self.model.enable_input_require_grads()
        name = "activation_checkpointing_enable"  # in newer releases of transformers 5
        enable = getattr(self.model, name, None) or self.model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
        self.checkpointed = True

    def logprobs(
        self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities [B, T] of completions' tokens after their prompts; mask [B, T] of real ones.

        What all prompts begin with is read once, and its gradient is the sum of theirs: within a group that is the
        whole prompt, between examples the module's instructions.
        """
        prompts = [prompt for prompt, _ in pairs]
        shared, cache = self._opening(prompts)
        before, before_mask = self._pad([prompt[shared:] for prompt in prompts], left=True)
        after, after_mask = self._pad([completion for _, completion in pairs], left=False)
        mask = torch.cat([before_mask.new_ones(len(pairs), shared), before_mask, after_mask], 1)
        position = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        out = self._forward(
            torch.cat([before, after], 1),
            mask,
            position,
            use_cache=cache is not None,
            past_key_values=cache,
            logits_to_keep=after.size(1) + 1,
        )
        # A completion at a time, and anew for the gradient: kept in float32 for all of them at once, a number for each
        # word at each place weighs more than all else.
        rows = [
            checkpoint(_chances, logits, tokens, temperature, use_reentrant=False, preserve_rng_state=False)
            for logits, tokens in zip(out.logits.unbind(0), after.unbind(0), strict=True)
        ]
        return torch.stack(rows), after_mask.float()

    def without_adapter(self) -> AbstractContextManager[Any]:
        """Inside, this is the untrained model."""
        return cast("AbstractContextManager[Any]", self.model.disable_adapter())

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in peft's own format: adapter_config.json and adapter_model.safetensors."""
        # Left to decide, peft asks the hub whether the model's vocabulary has grown, and waits where there is none.
        self.model.save_pretrained(str(folder), save_embedding_layers=False)


def _chances(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """Log-probabilities [T] of ``tokens`` [T], from the ``logits`` [T + 1, V] before each and after the last."""
    scaled = logits[:-1].float() / temperature
    return scaled.gather(-1, tokens.unsqueeze(-1)).squeeze(-1) - scaled.logsumexp(-1)
