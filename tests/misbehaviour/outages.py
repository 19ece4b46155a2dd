"""Failures that may pass: an error in a body with status 200, a server that is away, an answer broken off."""

from __future__ import annotations

from collections.abc import Mapping

from tests.misbehaviour.reply import Misbehaviour, Reply, completion

__all__ = ["OUTAGES"]

NULL_CONTENT = completion(None, beside={"error": {"message": "upstream failed"}})
BROKEN_OFF = completion("[[ ## reasoning ## ]]\nI would", finish_reason="error")

#: Faults that pass when the call is made again.
PASSING = (
    Reply("busy", 429, {"Retry-After": "0"}),
    Reply("", 500),
    Reply("<html>Bad gateway</html>", 502, {"Content-Type": "text/html"}),
    Reply({"error": {"message": "overloaded"}}, 503),
    Reply(b'{"choices": [{"index": 0, "mess'),
    Reply(b""),
    Reply({"error": {"code": 502, "message": "upstream failed"}}),
    Reply({"choices": [{"error": {"code": 502}, "finish_reason": "error", "message": {}}]}),
    NULL_CONTENT,
    BROKEN_OFF,
)

OUTAGES: Mapping[str, Misbehaviour] = {
    "one-in-twenty": lambda body, number: None if number % 20 else PASSING[number // 20 % len(PASSING)],
    "null-content": lambda body, number: NULL_CONTENT,
    "null-content-at-first": lambda body, number: NULL_CONTENT if number <= 3 else None,
    "broken-off-at-first": lambda body, number: BROKEN_OFF if number <= 3 else None,
}
