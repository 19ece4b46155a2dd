"""A causal language model in this process, with a LoRA adapter where it has one: what it says to a prompt.

It turns chat messages into tokens and draws completions for many prompts at once. How one token is drawn is
``sampling``'s matter, who asks is the engine's or the trainer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from papillon.errors import UsageError
from papillon.models.local import hub
from papillon.models.local.decoding import decoding
from papillon.models.local.sampling import Sampling, Steering, draw
from papillon.models.local.weights import weights_file
from papillon.quiet import unannounced

__all__ = ["CausalModel", "Completion", "read_model"]


@dataclass(frozen=True)
class Completion:
    """What was drawn for one prompt, in tokens; ``finished`` says that it ended itself, not at the limit."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    text: str
    finished: bool


def read_model(name: str, *, half: bool = False, setting: str) -> tuple[Any, Any]:
    """The model and the tokenizer of a hub name, a folder, a .gguf file or ``embedded``; in bfloat16 if ``half``.

    Raises UsageError naming it, and the ``setting`` that names it, where it cannot be had.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = str(weights_file()) if name.split("/")[0] == "embedded" else name
    where: dict[str, Any] = {"pretrained_model_name_or_path": source}
    if source.endswith(".gguf"):
        path = Path(source)
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    place = where["pretrained_model_name_or_path"]
    of_the_hub = hub.NAME.fullmatch(place) and ("gguf_file" not in where or "/" in place)
    if not of_the_hub and not Path(source).exists():
        raise UsageError(
            f"Expected a causal language model at {name!r} ({setting}), but there is nothing at "
            f"{Path(source).absolute()}; correct the path, or give a hub name or 'embedded'."
        )
    hub.check_reach(place, name, setting)
    try:
        # A download shows its progress; reading a file need not.
        with unannounced(bars="gguf_file" not in where):
            tokenizer = AutoTokenizer.from_pretrained(**where)
            model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16 if half else torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"Expected a causal language model at {name!r} ({setting}), got: {reason} "
            "Give a hub name, a folder, a .gguf file, or 'embedded'."
        ) from error
    if "gguf_file" in where:
        # transformers 4.57 takes another token for the end than the file says; the model's own entry is right.
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


class CausalModel:
    """A model and its tokenizer on one device; ``lora`` are peft's settings of an adapter, or None for none."""

    #: Whether what a gradient needs of a forward pass is computed again.
    checkpointed = False

    def __init__(
        self, model: Any, tokenizer: Any, lora: Mapping[str, Any] | None = None, *, device: str = "cpu"
    ) -> None:
        generation = getattr(model, "generation_config", None)
        if lora is not None:
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
        self.model, self.tokenizer, self.device = model.to(device), tokenizer, device
        ends = [tokenizer.eos_token_id, getattr(generation, "eos_token_id", None)]
        self.ends = sorted({i for end in ends for i in (end if isinstance(end, list) else [end]) if i is not None})
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.ends[0]

    def prompt(self, messages: Sequence[dict[str, str]]) -> tuple[int, ...]:
        """The tokens that ask for the assistant's answer to ``messages``."""
        tokens = self.tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return tuple(tokens)

    def tokens(self, text: str, *, finished: bool = True) -> tuple[int, ...]:
        """A completion's text as tokens, closed as the model closes its own where it ``finished``."""
        return (
            *self.tokenizer.encode(text, add_special_tokens=False),
            *([self.tokenizer.eos_token_id] if finished else ()),
        )

    def sample(
        self,
        prompts: Sequence[tuple[int, ...]],
        numbers: Tensor,
        sampling: Sampling,
        limit: int,
        guides: Sequence[Steering | None] = (),
        check: Callable[[], None] = lambda: None,
    ) -> list[Completion]:
        """One completion of at most ``limit`` tokens for each prompt.

        ``numbers`` [B, limit] in [0, 1) decide which tokens, ``guides`` which of them are written. Equal prompts are
        read once, and sequences that have ended leave the batch. ``check`` is called before each token; what it raises
        ends the batch.
        """
        self.model.eval()
        with torch.no_grad():
            drawn = self._draw(prompts, numbers, sampling, limit, guides or [None] * len(prompts), check)
        return [self._completion(prompt, tokens) for prompt, tokens in zip(prompts, drawn, strict=True)]

    def adapter(self) -> dict[str, Tensor]:
        """The adapter's weights by name."""
        from peft import get_peft_model_state_dict

        return cast("dict[str, Tensor]", get_peft_model_state_dict(self.model, save_embedding_layers=False))

    def load_adapter(self, folder: Path) -> None:
        """Put the weights of a saved adapter in the place of this one's; raises UsageError for another's or none."""
        from peft import load_peft_weights, set_peft_model_state_dict
        from safetensors import SafetensorError

        try:
            weights = load_peft_weights(str(folder), device=self.device)
        except (OSError, ValueError, SafetensorError) as error:
            reason = str(error).strip().split("\n")[0]
            where = file if (file := folder / "adapter_model.safetensors").is_file() else folder
            raise UsageError(f"Expected an adapter's weights in {where}, got: {reason}; name a whole one.") from error
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
        guides: Sequence[Steering | None],
        check: Callable[[], None],
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
        batch = decoding(self.model, cache, mask[rows], position[rows, -1], limit - 1)
        seen = None
        if sampling.repetition_penalty != 1.0:
            seen = torch.zeros_like(logits, dtype=torch.bool)
            for row, prompt in enumerate(prompts):
                seen[row, list(prompt)] = True

        drawn: list[list[int]] = [[] for _ in prompts]
        live = torch.arange(len(prompts))
        for step in range(limit):
            check()
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
                live, token = live[going], token[keep]
                seen = None if seen is None else seen[keep]
                batch.keep(keep)
            if seen is not None:
                seen = seen.scatter(1, token.unsqueeze(1), True)
            logits = batch.step(token)
        return drawn

    def _opening(self, prompts: Sequence[tuple[int, ...]]) -> tuple[int, Any]:
        """How many tokens all prompts begin with, the last of none among them; and these in a cache, a row each."""
        alike = takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False))
        shared = min(sum(1 for _ in alike), min(map(len, prompts)) - 1)
        if not shared or (self.model.training and self.checkpointed):  # which keeps no cache
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
