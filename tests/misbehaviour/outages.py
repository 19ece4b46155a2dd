"""Failures that may pass: an error in a body with status 200, a server that is away, an answer broken off."""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.reply import Misbehaviour, completion

__all__ = ["OUTAGES"]

NULL_CONTENT = completion(None, beside={"error": {"message": "upstream failed"}})
BROKEN_OFF = completion("[[ ## reasoning ## ]]\nI would", finish_reason="error")

OUTAGES: Mapping[str, Misbehaviour] = {
    "null-content": lambda body, number: NULL_CONTENT,
    "null-content-at-first": lambda body, number: NULL_CONTENT if number <= 3 else None,
    "broken-off-at-first": lambda body, number: BROKEN_OFF if number <= 3 else None,
}
