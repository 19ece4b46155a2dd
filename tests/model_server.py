"""A model server on loopback that answers by rules that can be read in a minute, and counts what it is asked.

Its rules: a prompt in DSPy's chat or JSON form is answered field by field in that form, a plain prompt with an
echo of itself. Answers follow from what was asked, so the same question always has the same answer.

Below ``/NAME/v1`` it misbehaves as ``tests.misbehaviour`` says under that name. ``python -m tests.model_server``
serves it by hand, and prints the addresses.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.misbehaviour import MISBEHAVIOURS

__all__ = ["Failure", "ModelServer", "answer_fields"]

Failure = tuple[int, dict[str, str], str]


class ModelServer:
    """Serves ``/v1/chat/completions`` after ``latency`` seconds; use it as a context manager.

    ``calls`` counts the requests, ``calls_at`` those below each misbehaviour's name; ``GET /v1/calls`` tells
    it to another process. ``remember`` keeps their bodies.

    ``rule`` turns a request's body into the answer's text, or None for the default; ``failing``
    turns a body into ``(status, headers, text)`` for a request that must fail, or None. ``port`` 0 is any free one.
    While ``holds`` is true of a call's number, from 1, that call is not answered.
    """

    def __init__(
        self,
        latency: float = 0.0,
        *,
        rule: Callable[[dict[str, Any]], str | None] | None = None,
        failing: Callable[[dict[str, Any], int], Failure | None] | None = None,
        remember: bool = True,
        port: int = 0,
    ) -> None:
        self.latency, self._rule, self._failing, self._remember = latency, rule, failing, remember
        self.port = port
        self.calls = 0
        self.calls_at: Counter[str] = Counter()
        self.holds: Callable[[int], bool] = lambda number: False
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = self.most_in_flight = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def distinct(self) -> int:
        """Requests received that differ in any way."""
        return len(Counter(json.dumps(body, sort_keys=True) for body in self.bodies))

    def asked(self, text: str) -> list[dict[str, Any]]:
        """The requests in which ``text`` stands."""
        return [body for body in self.bodies if text in json.dumps(body, ensure_ascii=False)]

    async def _complete(self, request: web.Request) -> web.Response:
        arrived = self._loop.time()
        body = await request.json()
        self.calls += 1
        number = self.calls
        name = request.match_info.get("misbehaviour", "")
        self.calls_at[name] += 1
        if self._remember:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        text = self._rule(body) if self._rule is not None else None
        if text is None:
            text = answer_fields(body)
        try:
            if self.latency:
                # The set time includes the server's own work, which is done first.
                await asyncio.sleep(arrived + self.latency - self._loop.time())
            while self.holds(number):
                await asyncio.sleep(0.01)
        finally:
            self.in_flight -= 1
        if name and (reply := MISBEHAVIOURS[name](body, self.calls_at[name])) is not None:
            return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.raw)
        if self._failing is not None and (failure := self._failing(body, number)) is not None:
            status, headers, text = failure
            return web.Response(status=status, headers=headers, text=text)
        asked = sum(len(message["content"]) for message in body["messages"]) // 4
        return web.json_response(
            {
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": asked, "completion_tokens": len(text) // 4},
            }
        )

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response(self.calls)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/{misbehaviour}/v1/chat/completions", self._complete)
        app.router.add_get("/v1/calls", self._tell)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=2048)
        self._loop.run_until_complete(site.start())
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    @property
    def base(self) -> str:
        """The address for ``api_base``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def at(self, misbehaviour: str) -> str:
        """The address for ``api_base`` below which the server misbehaves by that name."""
        assert misbehaviour in MISBEHAVIOURS, f"unknown misbehaviour {misbehaviour}"
        return f"http://127.0.0.1:{self.port}/{misbehaviour}/v1"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


_CHAT_FIELD = re.compile(r"starting with the field (.+?), and then ending with", re.DOTALL)
_JSON_FIELDS = re.compile(r"JSON object in the following order of fields: (.+?)\.\s*$", re.DOTALL)


def answer_fields(body: dict[str, Any]) -> str:
    """The default rule: each asked field gets a plausible value that follows from the prompt."""
    prompt = body["messages"][-1]["content"]
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    if (asked := _CHAT_FIELD.search(prompt)) is not None:
        fields = re.findall(r"\[\[ ## (\w+) ## \]\]`( \(must be[^)]*\))?", asked[1])
        parts = [f"[[ ## {name} ## ]]\n{_value(name, kind, digest)}" for name, kind in fields]
        return "\n\n".join([*parts, "[[ ## completed ## ]]"])
    if (asked := _JSON_FIELDS.search(prompt)) is not None:
        names = re.findall(r"`(\w+)`( \(must be[^)]*\))?", asked[1])
        return json.dumps({name: _value(name, kind, digest) for name, kind in names})
    return f"About {digest[:8]}: here is some general advice."


def _value(name: str, kind: str, digest: str) -> Any:
    if "bool" in kind:
        return int(digest[0], 16) % 4 != 0
    if "int" in kind:
        return 0
    return f"A {name.replace('_', ' ')} numbered {digest[:12]}."


if __name__ == "__main__":
    with ModelServer() as server:
        print(server.base, *map(server.at, MISBEHAVIOURS), sep="\n", flush=True)
        threading.Event().wait()
