"""The model that is trained: a frozen base with a LoRA adapter, which it samples from and scores tokens with.

It turns chat messages into tokens, draws completions for many prompts at once, and says how likely given
completions are. What is done with that is the learner's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from papillon.errors import UsageError
from papillon.models.local.weights import weights_file
from papillon.training.guide import Guide, asked_fields
from papillon.training.sampling import Sampling, draw
from papillon.training.settings import Lora, TrainSettings
from papillon.training.surroundings import unannounced

__all__ = ["Completion", "Policy"]


@dataclass(frozen=True)
class Completion:
    """What was drawn for one prompt, in tokens; ``finished`` says that it ended itself, not at the limit."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    text: str
    finished: bool


class Policy:
    """A causal language model with a trainable adapter on one device."""

    def __init__(self, model: Any, tokenizer: Any, lora: Lora, *, device: str = "cpu", seed: int = 0) -> None:
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(seed)  # the adapter's first weights
        config = LoraConfig(task_type="CAUSAL_LM", **{**asdict(lora), "target_modules": list(lora.target_modules)})
        self.model = get_peft_model(model, config).to(device)
        self.tokenizer = tokenizer
        self.device = device
        generation = getattr(model, "generation_config", None)
        ends = [tokenizer.eos_token_id, getattr(generation, "eos_token_id", None)]
        self.ends = sorted({i for end in ends for i in (end if isinstance(end, list) else [end]) if i is not None})
        self._field_ends: tuple[frozenset[int], frozenset[int]] | None = None
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.ends[0]

    @classmethod
    def load(cls, settings: TrainSettings, device: str) -> Policy:
        """The settings' model; raises UsageError naming it where it cannot be had."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        source = str(weights_file()) if settings.model.split("/")[0] == "embedded" else settings.model
        dtype = torch.bfloat16 if settings.bf16 and device != "cpu" else torch.float32
        where: dict[str, Any] = {"pretrained_model_name_or_path": source}
        if source.endswith(".gguf"):
            path = Path(source)
            where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
        try:
            # A download shows its progress; reading a file need not.
            with unannounced(bars="gguf_file" not in where):
                tokenizer = AutoTokenizer.from_pretrained(**where)
                model = AutoModelForCausalLM.from_pretrained(**where, dtype=dtype)
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            raise UsageError(
                f"Expected a causal language model at {settings.model!r} (train.model), got: {reason} "
                "Give a hub name, a folder, a .gguf file, or 'embedded'."
            ) from error
        if "gguf_file" in where:
            # transformers 4.57 takes another token for the end than the file says; the model's own entry is right.
            tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
            tokenizer.pad_token = tokenizer.eos_token
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
            policy.model.enable_input_require_grads()
            policy.model.gradient_checkpointing_enable({"use_reentrant": False})
        return policy

    def prompt(self, messages: Sequence[dict[str, str]]) -> tuple[int, ...]:
        """The tokens that ask for the assistant's answer to ``messages``."""
        return tuple(self.tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=True))

    def tokens(self, text: str, *, finished: bool = True) -> tuple[int, ...]:
        """A completion's text as tokens, closed as the model closes its own where it ``finished``."""
        return (
            *self.tokenizer.encode(text, add_special_tokens=False),
            *([self.tokenizer.eos_token_id] if finished else ()),
        )

    def guide(self, messages: Sequence[dict[str, str]], limit: int) -> Guide | None:
        """A guide through the chat format that ``messages`` ask for, None where they ask for another."""
        fields = asked_fields(messages)
        if not fields:
            return None
        if self._field_ends is None:
            words = {token: word.replace("\u010a", "\n") for word, token in self.tokenizer.get_vocab().items()}
            marking = {token for token, word in words.items() if "\n\n" in word or "[[" in word}
            white = {token for token, word in words.items() if not word.strip("\u0120 \n\t")}
            self._field_ends = frozenset(marking | set(self.ends)), frozenset(white)
        heads = [f"[[ ## {name} ## ]]\n" for name in fields]
        texts = [heads[0], *(f"\n\n{head}" for head in heads[1:])]
        markers = [self.tokens(text, finished=False) for text in texts]
        ends, blank = self._field_ends
        return Guide([*markers, self.tokens("\n\n[[ ## completed ## ]]\n")], ends, limit, blank=blank)

    def sample(
        self,
        prompts: Sequence[tuple[int, ...]],
        numbers: Tensor,
        sampling: Sampling,
        limit: int,
        guides: Sequence[Guide | None] = (),
    ) -> list[Completion]:
        """One completion of at most ``limit`` tokens for each prompt.

        ``numbers`` [B, limit] in [0, 1) decide which tokens, ``guides`` which of them are written. Equal prompts are
        read once, and sequences that have ended leave the batch.
        """
        self.model.eval()
        with torch.no_grad():
            drawn = self._draw(prompts, numbers, sampling, limit, guides or [None] * len(prompts))
        return [self._completion(prompt, tokens) for prompt, tokens in zip(prompts, drawn, strict=True)]

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
        logits = out.logits[:, :-1].float() / temperature
        chosen = logits.gather(-1, after.unsqueeze(-1)).squeeze(-1)
        return chosen - logits.logsumexp(-1), after_mask.float()

    def without_adapter(self) -> AbstractContextManager[Any]:
        """Inside, this is the untrained model."""
        return cast("AbstractContextManager[Any]", self.model.disable_adapter())

    def adapter(self) -> dict[str, Tensor]:
        """The adapter's weights by name."""
        from peft import get_peft_model_state_dict

        return cast("dict[str, Tensor]", get_peft_model_state_dict(self.model, save_embedding_layers=False))

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in peft's own format: adapter_config.json and adapter_model.safetensors."""
        # Left to decide, peft asks the hub whether the model's vocabulary has grown, and waits where there is none.
        self.model.save_pretrained(str(folder), save_embedding_layers=False)

    def load_adapter(self, folder: Path) -> None:
        """Put the weights of a saved adapter in the place of this one's; raises UsageError where it is another's."""
        from peft import load_peft_weights, set_peft_model_state_dict

        weights = load_peft_weights(str(folder), device=self.device)
        if weights.keys() != (own := self.adapter()).keys():
            raise UsageError(
                f"Expected an adapter of {len(own)} factors in {folder}, as this model has with its train.lora_config, "
                f"got {len(weights)} of other names or number; it belongs to another model, or to other layers."
            )
        set_peft_model_state_dict(self.model, weights)

    def _draw(
        self,
        prompts: Sequence[tuple[int, ...]],
        numbers: Tensor,
        sampling: Sampling,
        limit: int,
        guides: Sequence[Guide | None],
    ) -> list[list[int]]:
        distinct = list(dict.fromkeys(prompts))
        shared, cache = self._opening(distinct)
        ids, mask = self._pad([prompt[shared:] for prompt in distinct], left=True)
        mask = torch.cat([mask.new_ones(len(distinct), shared), mask], 1)
        position = (mask.cumsum(-1) - 1).clamp(min=0)[:, shared:]
        out = self._forward(ids, mask, position, use_cache=True, past_key_values=cache, logits_to_keep=1)
        rows = torch.tensor([distinct.index(prompt) for prompt in prompts], device=self.device)
        cache, logits = out.past_key_values, out.logits[rows, -1]
        cache.batch_select_indices(rows)
        mask, place = mask[rows], position[rows, -1]
        seen = None
        if sampling.repetition_penalty != 1.0:
            seen = torch.zeros_like(logits, dtype=torch.bool)
            for row, prompt in enumerate(prompts):
                seen[row, list(prompt)] = True

        drawn: list[list[int]] = [[] for _ in prompts]
        live = torch.arange(len(prompts))
        for step in range(limit):
            rows_left = live.tolist()
            for place_in_batch, row in enumerate(rows_left):
                if (guide := guides[row]) is not None and (barred := guide.barred):
                    logits[place_in_batch, list(barred)] = -torch.inf
            token = draw(logits, numbers[live, step], sampling, seen)
            for row, value in zip(rows_left, token.tolist(), strict=True):
                guide = guides[row]
                drawn[row].append(value if guide is None else guide.write(value))
            token = torch.tensor([drawn[row][-1] for row in rows_left], device=self.device)
            going = torch.tensor([drawn[row][-1] not in self.ends for row in rows_left])
            if step == limit - 1 or not going.any():
                break
            if not going.all():
                keep = going.nonzero().squeeze(1).to(self.device)
                live, token, mask, place = live[going], token[keep], mask[keep], place[keep]
                seen = None if seen is None else seen[keep]
                cache.batch_select_indices(keep)
            if seen is not None:
                seen = seen.scatter(1, token.unsqueeze(1), True)
            place = place + 1
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            out = self._forward(token.unsqueeze(1), mask, place.unsqueeze(1), use_cache=True, past_key_values=cache)
            logits = out.logits[:, -1]
        return drawn

    def _opening(self, prompts: Sequence[tuple[int, ...]]) -> tuple[int, Any]:
        """How many tokens all prompts begin with, the last of none among them; and these in a cache, a row each."""
        alike = takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False))
        shared = min(sum(1 for _ in alike), min(map(len, prompts)) - 1)
        if not shared or (self.model.training and self.model.is_gradient_checkpointing):  # which keeps no cache
            return 0, None
        ids, mask = self._pad([prompts[0][:shared]], left=True)
        out = self._forward(ids, mask, mask.cumsum(-1) - 1, use_cache=True, logits_to_keep=1)
        out.past_key_values.batch_repeat_interleave(len(prompts))
        return shared, out.past_key_values

    def _forward(self, ids: Tensor, mask: Tensor, position: Tensor, **more: Any) -> Any:
        return self.model(input_ids=ids, attention_mask=mask, position_ids=position, **more)

    def _pad(self, rows: Sequence[tuple[int, ...]], *, left: bool) -> tuple[Tensor, Tensor]:
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.pad, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            at = slice(width - len(row), width) if left else slice(0, len(row))
            ids[i, at] = torch.tensor(row, dtype=torch.long)
            mask[i, at] = 1
        return ids.to(self.device), mask.to(self.device)

    def _completion(self, prompt: tuple[int, ...], tokens: list[int]) -> Completion:
        finished = tokens[-1] in self.ends
        text = self.tokenizer.decode(tokens[:-1] if finished else tokens, skip_special_tokens=True)
        return Completion(prompt, tuple(tokens), text, finished)
