"""What the bytes of a reply are."""

from __future__ import annotations

import pytest

from papillon.models.served.bodies import is_page, json_in


@pytest.mark.parametrize(
    "raw",
    [b"<html>", b" \n<!DOCTYPE HTML><body>", b"<!-- proxy --><HTML lang='en'>", b"<?xml version='1.0'?>\n<html>"],
)
def test_a_page_is_one_whatever_stands_before_it(raw: bytes) -> None:
    assert is_page(raw)


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"detail": "sent <html>"}', b"sent <html>", b"<error>no</error>"])
def test_what_speaks_of_a_page_is_none(raw: bytes) -> None:
    assert not is_page(raw)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{", b"[" * 100_000])
def test_what_is_no_json_is_none(raw: bytes) -> None:
    assert json_in(raw) is None
    assert json_in(b'{"a": [1]}') == {"a": [1]}
