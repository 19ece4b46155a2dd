"""What the tests of Arbor share: the tiny model, and trainings that are ended with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("arbor", reason="the gpu extra (arbor-ai) is not installed", exc_type=ImportError)

from tests.arbor.model import write_model
from tests.arbor.runs import Run


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def train(model: Path) -> Iterator[Callable[..., Run]]:
    """Starts a training in a folder, as :class:`Run` does."""
    runs: list[Run] = []

    def start(folder: Path, **more: object) -> Run:
        runs.append(Run(folder, model, **more))  # type: ignore[arg-type]
        return runs[-1]

    yield start
    for run in runs:
        run.end()
