"""What the tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.runs import Evaluator


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Evaluator]:
    evaluator = Evaluator(tmp_path)
    yield evaluator
    evaluator.end()
