"""What all tests share: warnings are errors, runs of pytest, one browser, and hypothesis on machines of any speed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import MISSING, Browser, chromium
from tests.harness.runs import Evaluator

TESTS = Path(__file__).parent

# Runs inside the tests are no part of the job that runs the tests, and say nothing on its page.
os.environ.pop("GITHUB_STEP_SUMMARY", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS):
            # First of all, so that a test's own marks decide over it. The one that passes is peft's, of transformers 5.
            passes = "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"
            item.add_marker(pytest.mark.filterwarnings("error", passes), append=False)


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Evaluator]:
    evaluator = Evaluator(tmp_path)
    yield evaluator
    evaluator.end()


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Browser]:
    """One Chromium for all tests of pages that are looked at; without it they skip."""
    if MISSING:
        pytest.skip(f"there is no {MISSING} to look at pages with: apt-get install chromium chromium-driver")
    with chromium() as browser:
        yield browser


# A busy machine is no failure: neither a slow example nor slowly drawn data says anything about the code.
# What CI draws is the same every time: it judges a change, and a new counterexample is found where somebody works.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("project")
