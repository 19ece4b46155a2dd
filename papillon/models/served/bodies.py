"""Bodies: what the bytes of a reply are, before anybody asks what they say."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["is_page", "json_in"]


def json_in(raw: bytes | str) -> Any:
    """The JSON value that a body is, None where it is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def is_page(raw: bytes) -> bool:
    """Whether a body is an HTML page, also where a comment or an XML line stands before it."""
    start = raw[:500].lstrip().lower()
    return start.startswith(b"<!doctype html") or (start.startswith(b"<") and b"<html" in start)
