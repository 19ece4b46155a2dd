"""``python convert.py WEIGHTS.gguf FOLDER``: a Qwen2 model's weights in bf16, into FOLDER, which has its other files.

transformers reads the .gguf file itself, too, but takes minutes over the words of its vocabulary.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from safetensors.torch import save_file

WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYERS = {
    **{f"attn_{name}": f"self_attn.{name}_proj" for name in ("q", "k", "v")},
    **{f"ffn_{name}": f"mlp.{name}_proj" for name in ("gate", "up", "down")},
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def read(tensor: gguf.ReaderTensor) -> tuple[str, torch.Tensor]:
    """The tensor under transformers' name."""
    match tensor.name.split("."):
        case "blk", layer, name, kind:
            place = f"model.layers.{layer}.{LAYERS[name]}.{kind}"
        case name, kind:
            place = f"{WHOLE[name]}.{kind}"
    # One of a vocabulary's size is read faster in parts.
    parts = np.array_split(tensor.data, 1 + len(tensor.data) // 10_000)
    numbers = [torch.from_numpy(np.array(dequantize(part, tensor.tensor_type))) for part in parts]
    return place, torch.cat([part.to(torch.bfloat16) for part in numbers])


if __name__ == "__main__":
    began = time.perf_counter()
    reader = gguf.GGUFReader(sys.argv[1])
    with ThreadPoolExecutor(8) as pool:
        tensors = dict(pool.map(read, reader.tensors))
    part = Path(sys.argv[2]) / "model.part"
    save_file(tensors, part, metadata={"format": "pt"})
    part.rename(part.with_suffix(".safetensors"))  # whole, or not there
    print(f"{sys.argv[1]}: {len(tensors)} tensors in {time.perf_counter() - began:.0f} s")
