"""Answers that come with status 200 in other shapes than the usual one, faults among them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

from tests.misbehaviour.reply import Misbehaviour, Reply, completion

__all__ = ["ANSWERS"]


def _named_end(word: str) -> Misbehaviour:
    return lambda body, number: completion("All is well.", finish_reason=word)


def _json_object_alone(body: dict[str, Any], number: int) -> Reply | None:
    """DeepSeek's way: no JSON schema, and a JSON object where the prompt has the word."""
    shape = body.get("response_format", {}).get("type")
    if shape == "json_schema":
        return _refused("This response_format type is unavailable now")
    if shape == "json_object" and not any("json" in message["content"].lower() for message in body["messages"]):
        return _refused(
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        )
    return None


def _no_format(body: dict[str, Any], number: int) -> Reply | None:
    if "response_format" in body:
        return Reply({"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}, 422)
    return None


def _other_limit(body: dict[str, Any], number: int) -> Reply | None:
    if "max_tokens" in body:
        return _refused(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
        )
    return None


def _refused(message: str, status: int = 400, **beside: Any) -> Reply:
    return Reply({"error": {"message": message, "type": "invalid_request_error", "code": None, **beside}}, status)


ANSWERS: Mapping[str, Misbehaviour] = {
    "broken-off": lambda body, number: completion("All is", finish_reason="error"),
    "error-in-choice": lambda body, number: Reply(
        {"choices": [{"error": {"code": 502, "message": "upstream failed"}, "finish_reason": "error", "message": {}}]}
    ),
    "error-alone": lambda body, number: Reply({"error": {"code": 502, "message": "upstream failed"}}),
    "eos-token": _named_end("eos_token"),
    "complete": _named_end("COMPLETE"),
    "end-turn": _named_end("end_turn"),
    "withheld": lambda body, number: completion(None, finish_reason="content_filter"),
    "tool-calls": lambda body, number: completion(
        None, finish_reason="tool_calls", tool_calls=[{"id": "1", "function": {"name": "search", "arguments": "{}"}}]
    ),
    "reasoning-alone": lambda body, number: completion(None, finish_reason="length", reasoning_content="Let me see."),
    "reasoning-apart": lambda body, number: completion("All is well.", reasoning_content="Let me </think> see."),
    "parts": lambda body, number: completion(
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see."}]},
            {"type": "text", "text": "All is "},
            {"type": "text", "text": "well."},
        ]
    ),
    "lone-surrogate": lambda body, number: completion("All is \ud800well \U0001f600."),
    "json-object-alone": _json_object_alone,
    "no-format": _no_format,
    "other-limit": _other_limit,
    "gzip-bomb": lambda body, number: Reply(gzip.compress(b" " * 2**25), headers={"Content-Encoding": "gzip"}),
    "key-in-answer": lambda body, number: Reply(
        b'{"choices": [{"finish_reason": "stop", "message": {"content": "You sent sk\\u002dtest-0123456789abcdef."}}]}'
    ),
}
