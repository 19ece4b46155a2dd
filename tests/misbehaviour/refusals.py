"""Refusals: statuses and words with which servers turn one call, or every call, down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.misbehaviour.reply import Misbehaviour, Reply

__all__ = ["REFUSALS"]


def _refuses(status: int, message: str, **beside: Any) -> Misbehaviour:
    return lambda body, number: Reply({"error": {"message": message, **beside}}, status)


def _of_one_prompt(refuses: Misbehaviour, word: str) -> Misbehaviour:
    return lambda body, number: refuses(body, number) if word in body["messages"][-1]["content"] else None


def _echo(body: dict[str, Any], number: int) -> Reply:
    """A server that quotes the prompt, and the key's beginning and end."""
    prompt = body["messages"][-1]["content"]
    return Reply({"error": {"message": f"Invalid request {prompt!r} with key sk-test-01…cdef"}}, 400)


REFUSALS: Mapping[str, Misbehaviour] = {
    "filtered": _refuses(400, "The response was filtered.", code="content_filter"),
    "flagged": _refuses(403, "Your input was flagged.", code=403),
    # One query of mini's dev split holds this word.
    "flags-one": _of_one_prompt(_refuses(403, "Your input was flagged.", code=403), "Coldplay"),
    "forbids-one": _of_one_prompt(_refuses(403, "Forbidden."), "Coldplay"),
    "forbidden": _refuses(403, "Forbidden."),
    "no-quota": _refuses(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota"),
    "unpaid": _refuses(402, "Insufficient credits."),
    "wrong-key": _refuses(401, "Incorrect API key provided: sk-test-0123456789abcdef."),
    "too-long": _refuses(400, "The input (61709 tokens) is longer than the model's context length (40960 tokens)."),
    "too-many-tokens": _refuses(
        400,
        "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 8192 "
        "tokens and your request has 22 input tokens (9000 > 8192 - 22).",
    ),
    "no-temperature": _refuses(
        400,
        "Unsupported value: 'temperature' does not support 0.5 with this model. "
        "Only the default (1) value is supported.",
        param="temperature",
    ),
    "echo": _echo,
    "web-page": lambda body, number: Reply("<!DOCTYPE html><html><title>Chat for all</title></html>", 404),
}
