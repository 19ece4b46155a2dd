"""A whole training on Arbor, and one whose trainer is killed and that goes on: the core, run by CI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.arbor.runs import Run

# Torch and safetensors are imported here, and warn of their own old habits.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Train = Callable[..., Run]


def adapter(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "adapter" / "adapter_model.safetensors"))


def test_a_training_moves_the_weights(tmp_path: Path, train: Train) -> None:
    run = train(tmp_path / "run")
    assert run.wait() == 0, run.said
    # LoRA's second factor begins at 0: whatever is there was learned.
    assert any(weight.abs().max() > 0 for name, weight in adapter(run.folder).items() if "lora_B" in name)
    assert "weights received" in run.log("inference")
