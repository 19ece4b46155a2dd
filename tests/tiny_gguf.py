"""A tiny real .gguf: a language model of one layer with random weights, which llama.cpp loads and asks in no time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CHATML", "write_lora", "write_tiny"]

CHATML = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tiny(
    path: Path,
    *,
    architecture: str = "llama",
    template: str | None = CHATML,
    context: int = 4096,
    seed: int = 0,
    parts: int = 1,
) -> Path:
    """Write the model to ``path``, about 150 KB; another ``seed`` makes other weights. Returns ``path``."""
    from gguf import GGUFWriter, TokenType

    width, inner, heads = 32, 64, 2
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    if parts > 1:
        writer.add_uint16("split.count", parts)
    numbers = np.random.default_rng(seed)
    shapes = {
        "token_embd": (len(tokens), width),
        "output": (len(tokens), width),
        "blk.0.attn_q": (width, width),
        "blk.0.attn_k": (width, width),
        "blk.0.attn_v": (width, width),
        "blk.0.attn_output": (width, width),
        "blk.0.ffn_gate": (inner, width),
        "blk.0.ffn_up": (inner, width),
        "blk.0.ffn_down": (width, inner),
    }
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(width, dtype=np.float32))
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", numbers.normal(size=shape).astype(np.float32))
    return _written(writer, path)


def write_lora(path: Path, seed: int = 0) -> Path:
    """Write an adapter for the tiny model to ``path``; another ``seed`` makes another one. Returns ``path``."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    numbers = np.random.default_rng(seed)
    for side, shape in (("lora_a", (4, 32)), ("lora_b", (32, 4))):
        writer.add_tensor(f"blk.0.attn_k.weight.{side}", numbers.normal(size=shape).astype(np.float32))
    return _written(writer, path)


def _written(writer: Any, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
