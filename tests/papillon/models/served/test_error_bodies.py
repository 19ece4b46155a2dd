"""Error bodies in many shapes: their words on one short line, without the prompt."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.models.served.error_bodies import ErrorBody, read_error
from papillon.models.served.masking import Mask


def read(body: Any, prompt: str = "hello") -> ErrorBody:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error(raw, [{"role": "user", "content": prompt}], Mask(None))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Out of\n memory"}},
        {"error": "Out of memory"},
        {"message": "Out of memory", "object": "error"},
        {"detail": "Out of memory"},
        {"detail": {"msg": "Out of memory"}},
        {"errors": [{"message": "Out of memory"}]},
        [{"error": {"code": 500, "message": "Out of memory", "status": "INTERNAL"}}],
        {"error": {"message": '{"error": {"message": "Out of memory"}}'}},
        {"error": {"message": "", "metadata": {"raw": '{"detail": "Out of memory"}'}}},
        b"Out of memory\n",
    ],
)  # fmt: skip
def test_the_words_are_found_in_every_shape(body: Any) -> None:
    assert read(body).words == "Out of memory"
    assert read(body).said == ": Out of memory"


def test_fastapis_list_says_where_and_why_and_not_what() -> None:
    detail = [
        {"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted", "input": "x"}
    ]
    error = read({"detail": detail})
    assert error.words == "body.top_k; Extra inputs are not permitted"
    assert error.names == ("top_k",)


def test_a_page_is_named_with_its_title() -> None:
    error = read(b"<!DOCTYPE html>\n<html><head><title>404 Not\nFound</title></head><body>lots of it</body></html>")
    assert error.said == ": an HTML page ('404 Not Found')"
    assert read(b"<html><body>lots</body></html>").said == ": an HTML page"
    assert read(b"<!-- served by x -->\n<html><title>Hi</title></html>").said == ": an HTML page ('Hi')"


def test_what_speaks_of_html_is_no_page() -> None:
    assert read({"detail": "got <html> from upstream"}).words == "got <html> from upstream"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "Blocked term in prompt: Jane Doe (Oslo)"}}, "Blocked term in prompt: […] ([…])"),
        ({"detail": "Detected PII: 'HIV test'"}, "Detected PII: '[…]'"),
        ({"detail": "Blocked: Jane%20Doe, or Jos\\u00e9"}, "Blocked: […], or […]"),
        (b"<html><title>Jane Doe is not served</title></html>", "[…] is not served"),
    ],
)
def test_a_short_piece_of_the_prompt_is_not_shown(body: Any, words: str) -> None:
    assert read(body, "Jane Doe (Oslo) had an HIV test at Dr. José's.").words == words


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"error": null}', b'{"error": {}}'])
def test_a_body_without_words_says_nothing(body: bytes) -> None:
    assert read(body).said == ""


def test_long_words_are_cut() -> None:
    assert len(read({"error": {"message": "long words " * 100}}).words) == 160
    assert len(read(b"long words " * 100_000).words) == 160


NAMES = st.sampled_from(["error", "message", "detail", "code", "param", "loc", "metadata"])
LEAVES = st.none() | st.integers() | st.text(max_size=20)


@given(st.recursive(LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some), max_leaves=12))
def test_whatever_json_comes_it_is_one_short_line(body: Any) -> None:
    words = read(body).words
    assert len(words) <= 160
    assert "\n" not in words


LETTERS = re.compile(r"[\W_]+")


WORDS = st.sampled_from(["Jane", "O'Neil", "lives", "12", "Café", "Straße", "\n", '"quoted"', "a & b", "名前", "\t"])


@given(
    st.lists(WORDS, min_size=12, max_size=40).map(" ".join),
    st.sampled_from([str, repr, json.dumps, lambda text: json.dumps(json.dumps(text)), html.escape, str.upper]),
)
def test_a_quotation_of_the_prompt_is_cut_however_it_is_escaped(prompt: str, quoting: Any) -> None:
    words = read({"error": {"message": f"Cannot: {quoting(prompt)} and so on"}}, prompt).words
    asked, shown = LETTERS.sub("", prompt).lower(), LETTERS.sub("", words).lower()
    assert not [start for start in range(len(shown) - 15) if shown[start : start + 16] in asked]
    assert words.startswith("Cannot")


def test_a_servers_own_word_stays_though_the_prompt_has_it() -> None:
    assert read({"detail": "No word 'json' in it"}, "Answer as json.").words == "No word 'json' in it"


def test_a_servers_words_do_not_act_on_a_terminal() -> None:
    said = read(json.dumps({"error": {"message": "\x1b[2J\x1b[32m29 passed\x1b[0m \x07\u202eoops"}}).encode()).said
    assert said.isprintable()
    assert "29 passed" in said
