"""What the tests of vLLM share: its environment, the model's folder and an adapter, and runs that have both."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from papillon.models.local.weights import weights_file
from papillon.profile import ROOT
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

Profiled = Callable[..., tuple[Evaluator, str]]

#: The environment that vLLM is in, as make test-vllm says it.
PLACE = os.environ.get("TEST_VLLM", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marks = [pytest.mark.slow]
    if not PLACE:
        why = (
            "vLLM is in an environment of its own, 2.5 GB, which make test-vllm makes where it can, and it is not there"
        )
        marks.append(pytest.mark.skip(reason=why))
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for mark in marks:
                item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def _on_the_cpu() -> None:
    """Runs inside the tests find vLLM on the path, and it finds no GPU, no network and little memory."""
    os.environ |= {
        "PATH": f"{ROOT / PLACE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VLLM_TARGET_DEVICE": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # else most of the memory
        "VLLM_CPU_CI_ENV": "1",  # nothing is compiled
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct in a folder; an adapter for it lies beside, in ``adapter``."""
    folder = tmp_path_factory.mktemp("models") / "SmolLM2"
    paths = map(str, (weights_file(), folder, folder.parent / "adapter"))
    command = [str(ROOT / PLACE / "bin" / "python"), "-m", "tests.vllm.model", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def profiled(model: Path) -> Profiled:
    """Gives, for a folder, an evaluator and the option for a profile whose local model vLLM serves."""

    def write(
        folder: Path, server: ModelServer, local: Path = model, lora: Path | None = None
    ) -> tuple[Evaluator, str]:
        keys = f'model = "vllm/{local}", temperature = 0.0, max_tokens = 96, timeout = 600'
        if lora is not None:
            keys += f', lora = "{lora}"'
        evaluator = Evaluator(folder)
        return evaluator, f"--eval-profile={evaluator.profile(server.base, local=f'{{ {keys} }}')}"

    return write
