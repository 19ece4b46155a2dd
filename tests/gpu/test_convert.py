"""docs/training-task/convert.py: a .gguf file's weights under transformers' names, to the bit as it reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from papillon.profile import ROOT
from tests.tiny_gguf import write_tiny


def test_the_weights_are_those_that_transformers_reads(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    safetensors = pytest.importorskip("safetensors.torch")
    weights = write_tiny(tmp_path / "tiny.gguf", architecture="qwen2")
    convert = ROOT / "docs" / "training-task" / "convert.py"
    subprocess.run([sys.executable, convert, weights, tmp_path], check=True)
    read = safetensors.load_file(tmp_path / "model.safetensors")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=weights.name, dtype=torch.bfloat16)
    known = {name: each for name, each in model.state_dict().items() if not name.endswith(".bias")}
    assert read.keys() == known.keys()
    assert all(torch.equal(read[name], each) for name, each in known.items())
