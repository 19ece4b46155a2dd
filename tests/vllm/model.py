"""A model's folder as vLLM wants one, of the weights that the embedded model's package carries, and an adapter for it.

python -m tests.vllm.model WEIGHTS.gguf FOLDER ADAPTER, by the Python of vLLM's environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import decoders
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaForCausalLM

RANK = 8


def write_model(weights: Path, folder: Path) -> None:
    """The .gguf file as a folder of transformers, in bfloat16."""
    where = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
    read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # What was read of a .gguf file refuses to be saved, and says of its numbers that they are packed.
    del read.config.quantization_config
    plain = LlamaForCausalLM(read.config)
    plain.load_state_dict(read.state_dict())
    ends = read.config.eos_token_id
    plain.generation_config = GenerationConfig(bos_token_id=read.config.bos_token_id, eos_token_id=ends)
    plain.to(torch.bfloat16).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(**where)
    tokenizer.eos_token = tokenizer.pad_token = tokenizer.convert_ids_to_tokens(ends)
    tokenizer.backend_tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save_pretrained(folder)
    # Its class would be built anew from a list of merges, which a .gguf file's tokenizer does not leave.
    file = folder / "tokenizer_config.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**told, "tokenizer_class": "PreTrainedTokenizerFast"}), encoding="utf-8")


def write_adapter(model: Path, folder: Path) -> None:
    """A LoRA adapter of random numbers as peft leaves one, large enough to change what the model says."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    torch.manual_seed(0)
    weights = {}
    for layer in range(config["num_hidden_layers"]):
        name = f"base_model.model.model.layers.{layer}.mlp.down_proj"
        weights[f"{name}.lora_A.weight"] = torch.randn(RANK, inner) * 0.05
        weights[f"{name}.lora_B.weight"] = torch.randn(hidden, RANK) * 0.05
    folder.mkdir()
    save_file(weights, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 16, "target_modules": ["down_proj"]}
    (folder / "adapter_config.json").write_text(
        json.dumps({**told, "base_model_name_or_path": str(model), "bias": "none"}), encoding="utf-8"
    )


if __name__ == "__main__":
    source, target, adapter = map(Path, sys.argv[1:])
    write_model(source, target)
    write_adapter(target, adapter)
