"""Endpoint: one attempt at an OpenAI-compatible chat completion over HTTP.

It speaks the wire and says which kind of failure came; asking again, limits and records are others' work.
"""

from __future__ import annotations

import json
import os
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from dspy.lm15 import Config, ContextLengthError, Message, Request, Response, Usage

from papillon.errors import EndpointError
from papillon.models.retry import RefusesAll, TransientFailure

__all__ = ["Endpoint", "chat_messages"]

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
_LONGEST_RETRY_AFTER = 120.0


def chat_messages(request: Request) -> list[dict[str, str]]:
    """The request's messages as chat roles and plain text."""
    messages = []
    if request.system is not None:
        system = request.system
        text = system if isinstance(system, str) else "\n".join(getattr(part, "text", "") for part in system)
        messages.append({"role": "system", "content": text})
    for message in request.messages:
        if message.text is None:
            raise EndpointError(f"Expected messages of plain text, got a {message.role} message with other parts.")
        messages.append({"role": message.role, "content": message.text})
    return messages


class Endpoint:
    """``model`` as the server knows it, at ``base``; ``sampling`` goes into every body as it stands.

    ``key`` is sent as a bearer token and nowhere else. Times in seconds. Raises TransientFailure for
    what may pass, RefusesAll or EndpointError for what will not, and lm15's ContextLengthError where
    the prompt does not fit the model.
    """

    def __init__(self, model: str, *, base: str, key: str | None, sampling: dict[str, Any], timeout: float) -> None:
        self.model, self.base = model, base.rstrip("/")
        self.sampling = {name: value for name, value in sampling.items() if value is not None}
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(10.0, timeout))
        self._session: aiohttp.ClientSession | None = None

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent for a request; its own sampling values stand before the endpoint's."""
        body: dict[str, Any] = {"model": self.model, "messages": chat_messages(request), **self.sampling}
        config: Config = request.config
        for name in ("temperature", "top_p", "top_k", "max_tokens", "seed"):
            if (value := getattr(config, name)) is not None:
                body[name] = value
        if config.stop:
            body["stop"] = list(config.stop)
        if "max_tokens" in body and self._reasons():
            body["max_completion_tokens"] = body.pop("max_tokens")
        if config.response_format is not None:
            shape = dict(config.response_format)
            kind = shape.pop("type")
            body["response_format"] = {"type": kind, "json_schema": shape} if kind == "json_schema" else {"type": kind}
        return body

    def _reasons(self) -> bool:
        # OpenAI's reasoning models refuse max_tokens and want it under this other name.
        return self.model.startswith(("o1", "o3", "o4", "gpt-5"))

    async def acomplete(self, request: Request) -> Response:
        if self._session is None:
            # The slots bound what is in flight; the connector's own bound would only hide it.
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
            loopback = any(host in self.base for host in ("://127.", "://localhost", "://[::1]"))
            self._session = aiohttp.ClientSession(connector=connector, trust_env=not loopback, timeout=self._timeout)
        payload = json.dumps(self.body(request), ensure_ascii=False).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                f"{self.base}/chat/completions", data=payload, headers=headers, allow_redirects=False
            ) as reply:
                raw = await reply.read()
                status, retry_after = reply.status, reply.headers.get("Retry-After")
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno
            cause = os.strerror(number) if number is not None and number > 0 else str(error.os_error)
            raise self._transient(f"cannot be reached ({cause})", unreachable=True) from error
        except TimeoutError as error:
            seconds = f"{self._timeout.total:g} s"
            raise self._transient(f"gave no answer within {seconds}", may_have_cost=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._transient(
                f"dropped the connection ({error or type(error).__name__})", may_have_cost=True
            ) from error
        if status != 200:
            raise self._failure(status, retry_after, raw)
        return self._response(raw)

    def _response(self, raw: bytes) -> Response:
        try:
            data = json.loads(raw)
            choice = data["choices"][0]
            message = choice["message"]
            text = message.get("content")
            if text is None:
                text = message.get("refusal") or ""
            if not isinstance(text, str):
                raise TypeError("content is not text")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            shown = raw[:80].decode("utf-8", "replace")
            raise self._transient(f"sent a body that is no chat completion ({shown!r})", may_have_cost=True) from error
        usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
        return Response(
            id=None,
            model=self.model,
            message=Message.assistant(text),
            finish_reason=_FINISH.get(choice.get("finish_reason") or "stop", "stop"),
            usage=Usage(input_tokens=_count(usage, "prompt_tokens"), output_tokens=_count(usage, "completion_tokens")),
        )

    def _failure(self, status: int, retry_after: str | None, raw: bytes) -> Exception:
        said = _server_message(raw)
        if status == 429:
            return self._transient(
                f"asks for fewer calls (429{said})", retry_after=_seconds(retry_after), throttled=True
            )
        if status >= 500 or status in (408, 409, 425):
            wait = _seconds(retry_after)
            return self._transient(
                f"answered with status {status}{said}", retry_after=wait, may_have_cost=status >= 500
            )
        if status in (400, 413, 422) and _too_long(raw):
            too_long: Exception = ContextLengthError(f"{self._name()}: the prompt does not fit the model{said}.")
            return too_long
        text = f"{self._name()} refused the call with status {status}{said}."
        if status in (401, 403):
            return RefusesAll(f"{text} Check the key in the variable that api_key_env names.")
        if status == 404:
            return RefusesAll(f"{text} Check the model's name and api_base.")
        return EndpointError(text)

    def _transient(self, what: str, **marks: Any) -> TransientFailure:
        return TransientFailure(f"{self._name()} {what}.", **marks)

    def _name(self) -> str:
        return f"Model {self.model} at {self.base}"

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _server_message(raw: bytes) -> str:
    """What the server said, on one line and short; keys that it might echo are cut off with the rest."""
    try:
        error = json.loads(raw).get("error")
        text = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = None
    if not isinstance(text, str) or not text.strip():
        return ""
    words = ["[key]" if word.startswith("sk-") else word for word in text.split()]
    return ": " + " ".join(words)[:160].rstrip(".")


def _too_long(raw: bytes) -> bool:
    text = raw[:4096].decode("utf-8", "replace").lower()
    return "context_length_exceeded" in text or "maximum context length" in text or "exceed_context_size" in text


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, given as a number or an HTTP date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            wait = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER) if wait == wait else None
