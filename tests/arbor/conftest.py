"""What the tests of Arbor share: the tiny model, and trainings that are ended with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.arbor.model import write_model
from tests.arbor.runs import Run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without = pytest.mark.skipif(find_spec("arbor") is None, reason="the gpu extra (arbor-ai) is not installed")
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(without)


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
