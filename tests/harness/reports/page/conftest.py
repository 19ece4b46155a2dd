"""The browser of the tests that look at a run's page, and the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from papillon.results import RunResult
from tests.chromium import Browser
from tests.harness.reports.page.samples import large_run, paged


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """A browser 1280 wide whose reader likes light pages, and which has nothing to say of earlier ones."""
    _chromium.size(1280, 900)
    _chromium.prefers("light")
    _chromium.said()
    _chromium.asked()
    yield _chromium
    # Whatever a test did, the page has nothing to complain of and has asked the network for nothing.
    assert _chromium.said() == []
    assert _chromium.asked() == []


@pytest.fixture(scope="session")
def run() -> RunResult:
    """A run with something to say in every part of its page."""
    return large_run(225)[0]


@pytest.fixture(scope="session")
def page(run: RunResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    return paged(run, tmp_path_factory.mktemp("page"))
