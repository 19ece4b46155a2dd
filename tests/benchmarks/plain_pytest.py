"""One example to a test, each waiting for its own calls: how evaluations in pytest are usually written.

``BENCH="BASE EXAMPLES.csv DEV" pytest tests/benchmarks/plain_pytest.py [-n 16]``; no test of the project collects it.
"""

from __future__ import annotations

import os
from functools import cache

import pytest

from tests.benchmarks.tutorial import Tutorial

BASE, PATH, DEV = os.environ["BENCH"].split()


@cache
def tutorial() -> Tutorial:
    return Tutorial(BASE, PATH, int(DEV))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(int(DEV)))
def test_example(number: int) -> None:
    assert 0 <= tutorial().score(number) <= 1
