"""The frame: what no text can break out of, the policy over what acts in a page, and colours that can be read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evals.harness.reports.page
from evals.harness.reports.page.frame import block, rendered
from tests.harness.reports.page.samples import page_text

FOLDER = Path(evals.harness.reports.page.__file__).parent
STYLE = (FOLDER / "style/page.css").read_text()
MARKUP = [path.read_text() for path in sorted(FOLDER.glob("templates/*.html"))]
SCRIPTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("script/*.js"))}


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_data_stand_in_a_block_that_nothing_in_them_ends(data: Any) -> None:
    made = str(block("t0", data))
    head, foot = '<script type="application/json" id="t0">', "</script>\n"
    assert made.startswith(head)
    assert made.endswith(foot)
    inside = made[len(head) : -len(foot)]
    assert "<" not in inside
    assert "\n" not in inside
    assert json.loads(inside) == data


def test_a_text_stands_in_a_block_as_it_is_so_that_a_search_of_the_file_finds_it() -> None:
    assert 'Zofia Żak, 李小龙, "5 &amp; 6"' in str(block("t0", 'Zofia Żak, 李小龙, "5 &amp; 6"')).replace('\\"', '"')


def test_the_policy_names_the_pages_own_style_and_script_and_lets_nothing_be_loaded() -> None:
    page = page_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    said = policy[1].replace("&#39;", "'")
    assert said.startswith("default-src 'none'; ")
    assert "unsafe" not in said
    for tag in ("style", "script"):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in said


def test_a_page_asks_the_network_for_nothing_and_has_no_handler_or_style_inside_its_markup() -> None:
    page = page_text()
    assert not re.findall(r"""(?:src|srcset|action|xlink:href)\s*=|url\(|@import""", page)
    assert {link[:1] for link in re.findall(r'href="([^"]*)"', page)} == {"#"}
    markup = "\n".join(MARKUP)
    assert not re.findall(r"\son\w+=|\sstyle=", markup)


def test_the_scripts_make_no_markup_of_texts() -> None:
    for name, script in SCRIPTS.items():
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|fetch\(|XMLHttp", script
        ), name


def test_what_is_printed_is_escaped_and_turns_no_letters_around() -> None:
    page = page_text(profile="<img src=x onerror=alert(1)>\u202egnp.exe\x00{{ 7*7 }}")
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202egnp.exe\\x00{{ 7*7 }}" in page
    assert "\u202e" not in page
    assert "\x00" not in page


def test_a_value_that_a_template_lacks_is_a_fault_and_no_gap() -> None:
    with pytest.raises(Exception, match="undefined"):
        "".join(rendered("run.html", {}))


def colours(beginning: str) -> dict[str, str]:
    """The names that a rule of the style sets, by their values."""
    rule = STYLE[STYLE.index(beginning) :]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", rule[: rule.index("}")]))


LIGHT, DARK = colours(":root {"), colours(':root[data-theme="dark"] {')
#: What stands on what: text, and the ground below it.
PAIRS = [
    *[(ink, ground) for ink in ("ink", "soft", "link") for ground in ("page", "card")],
    *[(kind, ground) for kind in ("pass", "fail", "inconclusive", "deferred") for ground in (f"{kind}-back", "card")],
    *[(mark, f"{mark}-back") for mark in ("verbatim", "near", "unit", "only")],
    *[("ink", f"{kind}-back") for kind in ("pass", "fail", "inconclusive", "deferred")],
    ("ink", "found"),
    *[("soft", f"{kind}-back") for kind in ("deferred",)],
]


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio, 1 to 21."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_wcag_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_every_text_can_be_read_on_its_ground(theme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5, f"{ink} on {ground}"


def test_dark_is_the_same_by_the_system_and_by_the_button() -> None:
    assert colours(':root:not([data-theme="light"]) {') == DARK
    assert LIGHT.keys() == DARK.keys()


def test_what_could_not_be_told_has_a_colour_of_its_own() -> None:
    for theme in (LIGHT, DARK):
        assert len({theme[kind] for kind in ("pass", "fail", "inconclusive", "deferred")}) == 4
