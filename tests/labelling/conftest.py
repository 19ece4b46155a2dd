"""The browser of the tests that label and review in one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chromium import Browser


@pytest.fixture
def browser(_chromium: Browser) -> Iterator[Browser]:
    """A browser 1280 wide, which has nothing to say of earlier pages and leaves the server's in the end."""
    _chromium.size(1280, 900)
    _chromium.said()
    _chromium.asked()
    yield _chromium
    _chromium.driver.get("about:blank")
