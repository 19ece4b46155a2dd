"""The page as it is sent: one style, one script, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from evals.labelling.pages import page
from tests.harness.reports.page.test_frame import contrast

PAGE = page("judging")


def test_it_may_run_its_own_script_use_its_own_style_and_ask_its_own_server() -> None:
    parts = [re.search(rf"<{tag}>(.*)</{tag}>", PAGE.text, re.DOTALL) for tag in ("style", "script")]
    style, script = (
        base64.b64encode(hashlib.sha256(part[1].encode()).digest()).decode() for part in parts if part is not None
    )
    assert PAGE.policy == (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_it_names_nothing_elsewhere_and_makes_no_html_of_texts() -> None:
    assert not re.search(r"https?:|src=|href=|url\(|@import", PAGE.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", PAGE.text)


def colours(beginning: str) -> dict[str, str]:
    block = PAGE.text.split(beginning, 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#\w{6})", block))


LIGHT, DARK = colours("\n:root {"), colours("(prefers-color-scheme: dark) {")


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *((ink, ground) for ink in ("ink", "soft", "link") for ground in ("page", "card")),
        *(("note", "note-back"), ("ticked", "ticked-back"), ("ink", "fail-back"), ("link", "fail-back")),
    ],
)
def test_every_text_can_be_read_on_its_ground(theme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5
