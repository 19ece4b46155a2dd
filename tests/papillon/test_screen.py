"""What is shown of a text that others wrote: nothing acts on the screen, and nothing that is there is hidden."""

from __future__ import annotations

import io
import unicodedata

import pytest
from _pytest._io.terminalwriter import should_do_markup
from hypothesis import given
from hypothesis import strategies as st

from papillon.joiners import needed
from papillon.leaks import fold
from papillon.screen import coloured, show, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("help\x1b[2K", r"help\x1b[2K"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("An\u200bn", r"An\u200bn"),
        ("\u061cAnn", r"\u061cAnn"),
        ("hi\U000e0041\U000e0042", r"hi\U000e0041\U000e0042"),
        ("x\ufe0f\ufe01\U000e0100", r"x\ufe0f\ufe01\U000e0100"),
        ("a\u034f\u115f\u3164\uffa0b", r"a\u034f\u115f\u3164\uffa0b"),
        ("a\xa0b\u3000c\u2028d\x85", r"a\xa0b\u3000c\u2028d\x85"),
        ("half \ud800", r"half \ud800"),
        ("a\r\nb\rc", "a\nb\\rc"),
        ("Zoë Lê, 李 नमस्ते e\u0301 😀\tb\n", "Zoë Lê, 李 नमस्ते e\u0301 😀\tb\n"),
    ],
    ids=ascii,
)
def test_what_would_act_or_be_overlooked_stands_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


NEEDED = [
    "می\u200cخواهم",  # Persian, between two letters
    "ه\u200d.",  # its abbreviation, after one
    "क्\u200dष",  # Devanagari, after a virama
    "ক্\u200cষ",
    "র\u200d্য",  # Bengali, before one
    "👩\u200d💻",
    "👩🏽\u200d💻",
    "❤\ufe0f\u200d🔥",
    "☎\ufe0e",
    "1\ufe0f\u20e3",
    "葛\U000e0100城",  # a name as its bearer writes it
]


@pytest.mark.parametrize("text", NEEDED, ids=ascii)
def test_a_joiner_or_a_selector_stands_where_letters_or_emoji_need_it(text: str) -> None:
    assert visible(text) == text
    assert visible(f"a {text} b", one_line=True) == f"a {text} b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("An\u200cn An\u200dn", r"An\u200cn An\u200dn"),
        ("\u200dक \u200cم", r"\u200dक \u200cم"),
        ("م\u200c م", r"م\u200c م"),
        ("م\u200c\u200cم", r"م\u200c\u200cم"),
        ("ه\u200d\u200d.", "ه\u200d\\u200d."),
        ("👩\u200d", r"👩\u200d"),
        ("👩\u200da", r"👩\u200da"),
        ("a\ufe0f 1\ufe0f", r"a\ufe0f 1\ufe0f"),
        ("❤\ufe0f\ufe0f", "❤\ufe0f\\ufe0f"),
        ("葛\U000e0100\U000e0101", "葛\U000e0100\\U000e0101"),
        ("a\U000e0100", r"a\U000e0100"),
        ("\U0001faff\u200d💻", "\\U0001faff\\u200d💻"),  # not a sign yet
    ],
    ids=ascii,
)
def test_elsewhere_it_stands_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


mixed = st.text() | st.text(
    st.sampled_from("aه م葛क्र👩💻🏽❤1\u20e3\u200b\u200c\u200d\ufe0e\ufe0f\U000e0100\U0001faff\n")
)


def test_on_one_line_a_line_end_and_a_tab_are_escapes_too() -> None:
    assert visible("a\r\nb\tc", one_line=True) == r"a\r\nb\tc"


@given(mixed)
def test_every_sign_on_the_screen_is_one_that_leak_finding_sees_or_stands_beside_one_that_needs_it(text: str) -> None:
    shown = visible(text + "\ud800")
    shown.encode()
    unseen = [at for at, sign in enumerate(shown) if sign not in " \n\t" and not (sign.isprintable() and fold(sign))]
    assert {*unseen} <= needed(shown)
    assert all(at and (not shown[at - 1].isascii() or shown[at + 1] == "\u20e3") for at in unseen)
    assert visible(shown) == shown
    plain = visible(text, one_line=True)
    assert "\n" not in plain
    assert "\t" not in plain


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]) | st.characters(codec="utf-8")))
def test_no_control_sign_and_none_that_turns_the_order_around_is_shown(text: str) -> None:
    off = ("Cc", "Cf", "Zl", "Zp")
    assert {sign for sign in visible(text) if unicodedata.category(sign) in off} <= {*"\n\t\u200c\u200d"}
    assert {sign for sign in visible(text, one_line=True) if unicodedata.category(sign) in off} <= {*"\u200c\u200d"}


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_letters_figures_marks_and_emoji_are_shown_as_they_are(text: str) -> None:
    assert visible(text) == visible(text, one_line=True) == text


def test_of_printed_lines_none_begins_another(capsys: pytest.CaptureFixture[str]) -> None:
    show("mine\n29 passed\r", "", "Zoë 👩\u200d💻")
    assert capsys.readouterr().out == "mine\\n29 passed\\r\n\nZoë 👩\u200d💻\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()], ids=["file", "terminal"])
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TERM": "dumb"},
        {"NO_COLOR": "1"},
        {"NO_COLOR": ""},
        {"FORCE_COLOR": "1"},
        {"NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"PY_COLORS": "1", "NO_COLOR": "1"},
        {"PY_COLORS": "0", "FORCE_COLOR": "1"},
        {"PY_COLORS": "yes"},
    ],
    ids=str,
)
def test_colours_are_as_pytest_has_them(
    file: io.StringIO, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PY_COLORS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert coloured(file) == bool(should_do_markup(file))
