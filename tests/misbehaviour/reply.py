"""What a misbehaving server sends: a status, headers and a body of any kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Misbehaviour", "Reply", "completion"]


@dataclass(frozen=True)
class Reply:
    """One reply; ``body`` is sent as it is where it is bytes or text, else as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode("utf-8", "surrogatepass")


Misbehaviour = Callable[[dict[str, Any], int], Reply | None]


def completion(content: Any, *, finish_reason: Any = "stop", beside: Mapping[str, Any] = {}, **message: Any) -> Reply:
    """A chat completion with that content; ``message`` adds to its message, ``beside`` to what stands around it."""
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": content, **message},
    }
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    return Reply({"object": "chat.completion", "choices": [choice], "usage": usage, **beside})
