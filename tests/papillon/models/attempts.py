"""One attempt at a server below an address, and what an error body is taken for, without the layers around them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from dspy.lm15 import Config, Message, Request, Response

from papillon.models.served.endpoint import Endpoint
from papillon.models.served.error_bodies import read_error
from papillon.models.served.masking import Mask
from papillon.models.served.refusals import refusal

__all__ = ["KEY", "SCHEMA", "asked", "attempt", "judged"]

#: As keys look; no provider gave it out.
KEY = "sk-test-0123456789abcdef"
SCHEMA = {"type": "json_schema", "name": "Out", "schema": {"type": "object"}, "strict": True}


def asked(text: str = "hello", **config: Any) -> Request:
    return Request(model="m", messages=(Message.user(text),), system="Be kind.", config=Config(**config))


def attempt(base: str, *requests: Request, model: str = "m", key: str | None = None, **sampling: Any) -> Response:
    """The last answer of one endpoint to those requests, one after the other."""

    async def main() -> Response:
        endpoint = Endpoint(model, base=base, key=key, sampling=sampling, timeout=5)
        try:
            for request in requests[:-1]:
                await endpoint.acomplete(request)
            return await endpoint.acomplete(requests[-1] if requests else asked())
        finally:
            await endpoint.aclose()

    return asyncio.run(main())


def judged(status: int, body: Any, prompt: str = "hello", key: str | None = None, **sent: Any) -> Exception:
    """What a failing status with that body means; ``body`` is bytes or a JSON value."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    messages = [{"role": "user", "content": prompt}]
    mask = Mask(key)
    return refusal("Model m", status, read_error(mask.body(raw), messages, mask), {"messages": messages, **sent})
