"""An adapter in llama.cpp's format: its names, its order of rows, and what it says about itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the gpu extra (torch, peft, gguf) is not installed")
pytest.importorskip("peft", reason="the gpu extra (torch, peft, gguf) is not installed")
gguf: Any = pytest.importorskip("gguf", reason="the gpu extra (torch, peft, gguf) is not installed")

from papillon.errors import UsageError  # noqa: E402
from papillon.training.folder.adapter import _interleaved, keep_adapter, write_gguf_adapter  # noqa: E402
from papillon.training.grpo.policy import Policy  # noqa: E402
from papillon.training.settings import Lora  # noqa: E402
from tests.papillon.training.tiny import tiny_model, tiny_tokenizer  # noqa: E402


def test_an_adapter_keeps_its_factors_under_llama_cpps_names(tmp_path: Path) -> None:
    policy = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_alpha=12))
    policy.save_adapter(tmp_path / "adapter")
    write_gguf_adapter(tmp_path / "adapter", tmp_path / "adapter.gguf", policy.model.config)
    reader = gguf.GGUFReader(tmp_path / "adapter.gguf")
    said = {name: reader.fields[name].contents() for name in reader.fields if not name.startswith("GGUF")}
    assert said == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 12.0,
    }
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    assert len(tensors) == 2 * 7 * 2  # layers, modules, factors
    trained = {name: weight.numpy() for name, weight in policy.adapter().items()}
    name = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
    np.testing.assert_array_equal(tensors["blk.1.ffn_down.weight.lora_a"], trained[name])
    assert tensors["blk.0.attn_q.weight.lora_b"].shape == (32, 4)
    assert tensors["blk.0.attn_k.weight.lora_b"].shape == (16, 4)


def test_an_adapter_in_bf16_as_deepspeed_saves_it_is_kept(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    policy = Policy(tiny_model(), tiny_tokenizer(), Lora(r=4, lora_alpha=12))
    policy.save_adapter(tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({name: weight.to(torch.bfloat16) for name, weight in load_file(file).items()}, file)
    said: list[str] = []
    keep_adapter(tmp_path / "adapter", tmp_path / "kept", policy.model.config, said.append)
    assert said == []
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "kept" / "adapter.gguf").tensors}
    name = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
    np.testing.assert_array_equal(tensors["blk.1.ffn_down.weight.lora_a"], load_file(file)[name].float().numpy())


def test_the_order_of_rows_is_the_one_that_transformers_turns_back() -> None:
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    weight = np.arange(32 * 3, dtype=np.float32).reshape(32, 3)
    back = LlamaTensorProcessor()._reverse_permute_weights(_interleaved(weight, 4), 4, 4)
    np.testing.assert_array_equal(back, weight)


def test_a_model_that_llama_cpp_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Expected a model that llama\.cpp knows, .* got 'tiny'; use the adapter"):
        write_gguf_adapter(tmp_path, tmp_path / "x.gguf", SimpleNamespace(model_type="tiny"))
