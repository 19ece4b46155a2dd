"""Endpoint: one attempt at an OpenAI-compatible chat completion over HTTP.

It sends, and lets others say what came: replies, refusals and connections. Asking again, limits and records are
others' work.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from dspy.lm15 import Config, Request, Response

from papillon.bounds import LONGEST_REPLY
from papillon.errors import EndpointError
from papillon.hosts import host_of
from papillon.models.served.connections import Route
from papillon.models.served.dialect import Dialect
from papillon.models.served.error_bodies import ErrorBody, read_error
from papillon.models.served.masking import Mask
from papillon.models.served.refusals import failed_reply, refusal
from papillon.models.served.replies import NoAnswer, read_reply, refused_generation
from papillon.models.stop import Stop

__all__ = ["Endpoint", "chat_messages"]


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

    What ``sampling`` holds under ``extra_body`` goes in last. ``key`` is sent as a bearer token and nowhere else,
    and never comes back: replies are masked before they are read. Times in seconds. After ``stop`` nothing is sent
    again. Raises TransientFailure for
    what may pass, RefusesAll or EndpointError for what will not, Filtered where a filter refused the prompt, and
    lm15's ContextLengthError where it does not fit the model.
    """

    def __init__(
        self,
        model: str,
        *,
        base: str,
        key: str | None,
        sampling: dict[str, Any],
        timeout: float,
        stop: Stop | None = None,
    ) -> None:
        self.model, self.base, self._stop = model, base.rstrip("/"), stop or Stop()
        self.sampling = {name: value for name, value in sampling.items() if value is not None}
        self._extra = self.sampling.pop("extra_body", {})
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._headers["Content-Type"] = "application/json"
        self._mask, self._dialect = Mask(key), Dialect(model)
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(10.0, 0.8 * timeout))
        self._name = f"Model {model} at {_shown(self.base)}"
        self._route: Route | None = None
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
        if config.response_format is not None:
            shape = dict(config.response_format)
            kind = shape.pop("type")
            body["response_format"] = {"type": kind, "json_schema": shape} if kind == "json_schema" else {"type": kind}
        body.update(self._extra)
        return body

    async def acomplete(self, request: Request) -> Response:
        body = self.body(request)
        while True:
            sent = self._dialect.spoken(body)
            status, headers, raw = await self._exchange(sent)
            if 200 <= status < 300:
                try:
                    return read_reply(raw, self.model)
                except NoAnswer as none:
                    error = self._error(none.error, body)
                    raise failed_reply(self._name, str(none), error, sent) from None
            if (written := refused_generation(raw, self.model)) is not None:
                return written
            error = self._error(raw, body)
            # A refused form costs nothing: in the one that the server takes, the call is sent again at once.
            if not self._dialect.learns(status, error, sent):
                raise refusal(self._name, status, error, sent, headers)
            self._stop.refuse()

    def _error(self, raw: bytes, body: dict[str, Any]) -> ErrorBody:
        return read_error(raw, body["messages"], self._mask)

    async def _exchange(self, sent: dict[str, Any]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the reply, masked."""
        if self._session is None or self._route is None:
            self._route = Route(self._name, self.base)
            # The slots bound what is in flight; the connector's own bound would only hide it.
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        route, proxy = self._route, self._route.proxy
        try:
            payload = json.dumps(sent, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise EndpointError(f"{self._name} cannot be asked: the request holds half a character.") from None
        try:
            async with self._session.post(
                f"{self.base}/chat/completions",
                # aiohttp warns of bytes over a megabyte, and of a file in memory it does not.
                data=payload if len(payload) <= 2**20 else BytesIO(payload),
                headers=self._headers,
                allow_redirects=False,
                proxy=proxy.address if proxy is not None else None,
            ) as reply:
                raw = self._mask.body(await self._body(reply))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The exceptions of the client hold headers, and with them the key.
            raise await route.failure(error, self._timeout) from None
        route.answered = True
        return reply.status, reply.headers, raw

    async def _body(self, reply: aiohttp.ClientResponse) -> bytes:
        """The body of a reply; EndpointError where it does not end in time to be an answer."""
        body = bytearray()
        async for part in reply.content.iter_any():
            body += part
            if len(body) > LONGEST_REPLY:
                reply.close()
                raise EndpointError(f"{self._name} sent more than {LONGEST_REPLY} bytes in place of an answer.")
        return bytes(body)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _shown(base: str) -> str:
    """An address without what may be private in it."""
    try:
        return f"{urlsplit(base).scheme}://{host_of(base)}{urlsplit(base).path}"
    except ValueError:
        return "its address"
