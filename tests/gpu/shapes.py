"""Models of known shapes with seeded random weights: as fast and as large as trained ones, without their words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from papillon.models.local.weights import weights_file
from papillon.training.grpo.policy import Policy
from papillon.training.settings import TrainSettings

__all__ = ["BUNDLE", "SHAPES", "Shape", "build", "policy_of", "tokenizer"]

#: What ``make gpu-bundle`` makes; within it this file lies at the same place.
BUNDLE = Path(__file__).parents[2]

#: As models begin with. At 0.05 some thirty layers of random weights make chaos of bf16's rounding, on any device: an
#: error of log-probabilities of 0.92 on the CPU, behind a prompt of 336 tokens, where 0.02 has 0.02.
_SPREAD = 0.02


@dataclass(frozen=True)
class Shape:
    """A model's family and configuration, as the hub has it under ``like``."""

    family: str
    like: str
    config: dict[str, Any] = field(hash=False)


#: What closes a message of SmolLM2's.
_END = 2

_SHARED = {"tie_word_embeddings": True, "initializer_range": _SPREAD, "pad_token_id": _END, "eos_token_id": _END}

SHAPES = {
    "tiny": Shape(
        "llama",
        "no model",
        _SHARED
        | {"vocab_size": 49152, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
        | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 8192},
    ),
    "smollm2-135m": Shape(
        "llama",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        _SHARED
        | {"vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
        | {"num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192}
        | {"rope_theta": 100000.0, "rms_norm_eps": 1e-5},
    ),
    "qwen2.5-1.5b": Shape(
        "qwen2",
        "Qwen/Qwen2.5-1.5B-Instruct",
        _SHARED
        | {"vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28}
        | {"num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 32768}
        | {"rope_theta": 1000000.0, "rms_norm_eps": 1e-6},
    ),
}


def build(shape: str, *, device: str = "cpu", half: bool = False, seed: int = 0) -> Any:
    """A model of this shape; one ``device`` has other random weights than another."""
    from transformers import AutoConfig, AutoModelForCausalLM

    asked = SHAPES[shape]
    torch.manual_seed(seed)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(asked.family, **asked.config))
    return model.to(torch.bfloat16 if half else torch.float32)


def policy_of(shape: str, settings: TrainSettings, device: str) -> Policy:
    """A policy as the one-device trainer makes one, of a model of this shape."""
    model = build(shape, device=device, half=settings.bf16 and device != "cpu", seed=settings.seed)
    return Policy.of(model, tokenizer(), settings, device)


def tokenizer() -> Any:
    """SmolLM2's: the bundle's, or the one in the package of its weights."""
    from transformers import AutoTokenizer

    if (carried := BUNDLE / "tokenizer").is_dir():
        return AutoTokenizer.from_pretrained(str(carried))
    weights = weights_file()
    words = AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)
    # transformers 4.57 takes another token for the end than the file says.
    words.eos_token = words.pad_token = words.convert_ids_to_tokens(_END)
    return words
