"""What the tests of whole runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.runs import Evaluator


@pytest.fixture
def evaluator(tmp_path: Path) -> Evaluator:
    return Evaluator(tmp_path)
