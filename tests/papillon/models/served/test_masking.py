"""A key never comes back: in no spelling, not shortened, and nothing that looks like one in an error."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.models.served.masking import Mask
from tests.papillon.models.attempts import KEY, judged

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)


@given(KEYS, st.text(max_size=20), st.text(max_size=20))
def test_no_spelling_of_a_key_stays_in_a_body(key: str, before: str, after: str) -> None:
    mask = Mask(key)
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in key)
    for raw in (
        json.dumps(f"{before}{key}{after}").encode(),
        f"{before}{quote(key, safe='')}{after}".encode("utf-8", "replace"),
        base64.b64encode(f"Bearer {key}".encode()),
        f'{{"a": "{escaped}"}}'.encode(),
    ):
        masked = mask.body(raw)
        assert b"[key]" in masked
        assert key.encode() not in masked
    if not any(sign in key for sign in '"\\'):
        assert key not in json.dumps(json.loads(mask.body(f'{{"a": "{escaped}"}}'.encode())))


def test_a_body_without_the_key_stays_as_it_is() -> None:
    raw = json.dumps({"text": "\u00e9 <b> sk-other-000000000000 \\u0041"}).replace("<", "\\u003c").encode()
    assert Mask(KEY).body(raw) == raw
    assert Mask(None).body(raw) == raw


@pytest.mark.parametrize(
    "echo",
    [
        "sk-test-0123456789abcdef", "sk-t…cdef", "sk-test-01***ef", "sk-tes...def", "sk-********cdef", "sk-test-01…",
        "***cdef", "0123456789abcdef", "sk-test-0123", "456789abcdef", quote("sk-test-0123456789abcdef/", safe=""),
    ],
)  # fmt: skip
def test_a_shortened_echo_of_the_key_is_masked(echo: str) -> None:
    text = Mask(KEY).words(f"Incorrect API key provided: {echo} for you.")
    assert text.startswith("Incorrect API key provided: [key]")
    assert text.endswith(" for you.")


def test_a_shortened_echo_of_a_key_of_no_known_form_is_masked() -> None:
    assert Mask("kod-460fxyzabcdefgh2829").words("Wrong: kod-460f…2829.") == "Wrong: [key]"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-AbCdEf0123456789", "gsk_0123456789abcdef", "hf_0123456789abcdef", "xai-0123456789abcdef",
        "AIzaSyA0123456789abcdef", "sk-PMafP***************************************E873",
    ],
)  # fmt: skip
def test_what_looks_like_a_key_is_masked_in_an_errors_words(secret: str) -> None:
    assert Mask(None).words(f"got ({secret}) here") == "got ([key]) here"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Bearer abcdef123456 is wrong", "Bearer [key] is wrong"),
        ("Expected Bearer authentication", "Expected Bearer authentication"),
        ("api_key: 0123456789abcdef0123456789abcdef!", "api_key: [key]"),
        ("token=QWxhZGRpbjpvcGVuIHNlc2FtZQ== fails", "token=[key] fails"),
        ("POST https://user:pass@host/v1?key=abcd1234&a=1", "POST https://[key]@host/v1?key=[key]&a=1"),
        ("the key of this request has expired", "the key of this request has expired"),
        ("max_tokens is too large: 9000", "max_tokens is too large: 9000"),
        ("model 'openai/gpt-5-mini-2025-08-07' not found", "model 'openai/gpt-5-mini-2025-08-07' not found"),
    ],
)
def test_words_after_key_and_token_are_masked_and_others_are_not(text: str, masked: str) -> None:
    assert Mask(None).words(text).rstrip("!") == masked


@pytest.mark.parametrize("key", ["x", "EMPTY", "none", "abc"])
def test_a_short_key_is_masked_as_a_whole_word_in_error_texts_alone(key: str) -> None:
    mask = Mask(key)
    assert mask.body(f"an {key} here".encode()) == f"an {key} here".encode()
    assert mask.words(f"invalid key {key} for nonexistent boxes") == "invalid key [key] for nonexistent boxes"


def test_errors_show_no_key() -> None:
    body = {"error": {"message": f"Wrong key {KEY}, or {KEY[:10]}…{KEY[-4:]}", "type": KEY}}
    text = str(judged(401, body, key=KEY))
    assert "Wrong key [key], or [key]" in text
    assert "0123" not in text
    assert "cdef" not in text


def test_a_plain_answer_of_a_megabyte_costs_a_millisecond_or_so() -> None:
    raw, mask = b'{"a": "' + b"words and more words, " * 50_000 + b'"}', Mask(KEY)
    started = time.perf_counter()
    assert mask.body(raw) is raw
    assert time.perf_counter() - started < 0.05
