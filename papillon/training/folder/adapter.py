"""The adapter that a training leaves, in peft's format and as GGUF, so that llama.cpp can use it without torch.

llama.cpp reads an adapter as two factors for each tensor of its model, under the model's own tensor names. The
names are the gguf package's; Llama models have the rows of their query and key matrices in another order there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from papillon.errors import UsageError
from papillon.files import whole_folder

__all__ = ["keep_adapter", "write_gguf_adapter"]

_PREFIX = "base_model.model."


def keep_adapter(adapter: Path, target: Path, model: Any, say: Callable[[str], None]) -> None:
    """Copy peft's folder ``adapter`` to ``target``, with a copy for llama.cpp where that knows the ``model``.

    ``model`` is the base model's configuration, None for one that llama.cpp cannot have.
    """
    with whole_folder(target) as new:
        shutil.copytree(adapter, new, dirs_exist_ok=True)
        if model is not None:
            try:
                write_gguf_adapter(adapter, new / "adapter.gguf", model)
            except UsageError as error:
                say(str(error))


def write_gguf_adapter(adapter: Path, target: Path, model: Any) -> None:
    """Convert peft's folder ``adapter`` to the new file ``target``; ``model`` is the base model's configuration.

    Raises UsageError for a model or a layer that llama.cpp has no name for.
    """
    import gguf
    from safetensors.torch import load_file  # numpy has no bfloat16, in which DeepSpeed saves

    arch = next((arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == model.model_type), None)
    if arch is None:
        raise UsageError(
            f"Expected a model that llama.cpp knows, to write its adapter as GGUF, got {model.model_type!r}; "
            "use the adapter through transformers."
        )
    names = gguf.get_tensor_name_map(arch, model.num_hidden_layers)
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    saved = load_file(adapter / "adapter_model.safetensors")
    factors: dict[str, NDArray[Any]] = {name: weight.float().numpy() for name, weight in saved.items()}

    writer = gguf.GGUFWriter(target, model.model_type)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, weight in factors.items():
        module, factor = name.removeprefix(_PREFIX).removesuffix(".weight").rsplit(".lora_", 1)
        known = names.get_name(module)
        if known is None:
            raise UsageError(f"Expected a layer that llama.cpp has a name for, got {module!r} in {adapter}.")
        if factor == "B" and model.model_type == "llama":
            if module.endswith("q_proj"):
                weight = _interleaved(weight, model.num_attention_heads)
            elif module.endswith("k_proj"):
                weight = _interleaved(weight, model.num_key_value_heads)
        writer.add_tensor(f"{known}.weight.lora_{factor.lower()}", np.ascontiguousarray(weight, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _interleaved(weight: NDArray[Any], heads: int) -> NDArray[Any]:
    """Rows [out, r] from transformers' order of rotary halves to llama.cpp's of rotary pairs."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)
