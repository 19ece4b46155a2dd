"""Failures that may pass: an error in a body with status 200, a server that is away, an answer broken off."""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.reply import Misbehaviour, completion

__all__ = ["OUTAGES"]

OUTAGES: Mapping[str, Misbehaviour] = {
    "null-content": lambda body, number: completion(None, beside={"error": {"message": "upstream failed"}}),
}
