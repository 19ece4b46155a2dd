"""A tiny real .gguf: a language model of one layer with random weights, which llama.cpp loads and asks in no time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CHATML", "write_lora", "write_sliding", "write_tiny"]

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


def write_sliding(path: Path, window: int = 64, seed: int = 0) -> Path:
    """Write a model whose attention reaches back ``window`` tokens in most of its six layers. Returns ``path``."""
    from gguf import GGUFWriter, TokenType

    width, inner, heads, per_head = 32, 64, 2, 16
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    writer = GGUFWriter(path, "gemma3")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(6)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_key_length(per_head)
    writer.add_value_length(per_head)
    writer.add_sliding_window(window)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHATML)
    numbers = np.random.default_rng(seed)
    shapes = {
        **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (width, width)),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }
    ones = {
        **dict.fromkeys(("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm"), width),
        **dict.fromkeys(("attn_q_norm", "attn_k_norm"), per_head),
    }
    writer.add_tensor("token_embd.weight", 0.5 * numbers.normal(size=(len(tokens), width)).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for block in range(6):
        for name, size in ones.items():
            writer.add_tensor(f"blk.{block}.{name}.weight", np.ones(size, dtype=np.float32))
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{block}.{name}.weight", 0.5 * numbers.normal(size=shape).astype(np.float32))
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
