"""What the tests of the training share: one thread for torch, and a policy small enough for a test."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A tiny model is slower on two threads than on one, and next to other tests much slower."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_sessionfinish() -> None:
    """Arbor prints at exit that none of its servers runs, also where a test module was no more than collected."""
    arbor: Any = sys.modules.get("arbor")
    if arbor is not None:
        atexit.unregister(arbor.shutdown)
