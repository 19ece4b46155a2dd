"""Server: one page on the loopback, under an address that only whoever is told it can know, and what it asks and sends.

It knows no question: whatever can say what to show, take an answer and take it back can be asked through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from evals.labelling.pages import Page
from papillon.errors import PapillonError, UsageError
from papillon.json_files import json_of

__all__ = ["HOST", "Asked", "LabellingServer", "listening"]

#: Where it listens: this machine alone.
HOST = "127.0.0.1"
#: Nobody types a longer answer.
_MOST_BYTES = 1 << 18
_CLOSED = "This address is not known here: open the one that the command prints, with all that stands behind the port."


class Asked(Protocol):
    """What is asked through the page. ``give`` raises ValueError, in words, for an answer that is none, and any of them
    PapillonError, in one sentence, where nothing can be kept."""

    def state(self) -> dict[str, Any]:
        """What there is to show now, ``item`` None at the end."""
        ...

    def give(self, data: Mapping[str, Any]) -> None:
        """Keep an answer."""
        ...

    def undo(self) -> bool:
        """Take the last one back."""
        ...


def listening(port: int = 0) -> socket.socket:
    """A socket on the loopback, at a port of the system's choice unless one is named; UsageError where it is taken."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen()
    except (OSError, OverflowError) as error:
        taken.close()
        why = getattr(error, "strerror", None) or "there is no such port"
        raise UsageError(
            f"--port: expected a free port on this machine, got {port}: {why}; name another, or none."
        ) from None
    return taken


class LabellingServer:
    """The page for what is ``asked``, until the person ends it there or the process does.

    ``closing`` gives the sentences that stand on the page at the end. Each answer to the page is its next state.
    """

    def __init__(self, asked: Asked, page: Page, closing: Callable[[], list[str]], token: str | None = None) -> None:
        self.asked, self.page, self.closing = asked, page, closing
        self.token = token or secrets.token_urlsafe(24)
        self._ended = asyncio.Event()

    def address(self, port: int) -> str:
        """What to open in a browser on this machine."""
        return f"http://{HOST}:{port}/{self.token}/"

    async def serve(self, sock: socket.socket) -> None:
        """Answer on that socket until the person says on the page that it is over."""
        runner = web.AppRunner(self.application(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.SockSite(runner, sock).start()
            await self._ended.wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """Its addresses, all below the token."""
        application = web.Application(client_max_size=_MOST_BYTES, middlewares=[self._guarded])
        application.router.add_get("/{token}/", self._page)
        application.router.add_get("/{token}/state", self._state)
        for name, handler in (("answer", self._answer), ("undo", self._undo), ("end", self._end)):
            application.router.add_post(f"/{{token}}/{name}", handler)
        return application

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Only who knows the address, from this machine's own page, is answered; what is answered is kept nowhere."""
        known = secrets.compare_digest(request.path.split("/")[1].encode(), self.token.encode())
        # Another name for this machine would be another site's, whose page could then ask here.
        here = (request.host or "").partition(":")[0] in (HOST, "localhost")
        own = request.headers.get("Origin") in (None, f"http://{request.host}")
        if not (known and here and own):
            return web.Response(status=403, text=_CLOSED, headers=_HEADERS)
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.reason)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(
            text=self.page.text, content_type="text/html", headers={"Content-Security-Policy": self.page.policy}
        )

    async def _state(self, _: web.Request) -> web.Response:
        return self._now()

    async def _answer(self, request: web.Request) -> web.Response:
        data: Any = None
        with contextlib.suppress(ValueError):
            data = json_of(await request.read())
        if not isinstance(data, dict):
            return self._now("Expected an answer as a JSON object; load the page anew.", 400)
        return self._kept(lambda: self.asked.give(data))

    async def _undo(self, _: web.Request) -> web.Response:
        return self._kept(self.asked.undo)

    async def _end(self, _: web.Request) -> web.Response:
        asyncio.get_running_loop().call_later(0.2, self._ended.set)  # the page is told first
        return self._now()

    def _kept(self, act: Callable[[], object]) -> web.Response:
        try:
            act()
        except PapillonError as error:
            return self._now(str(error), 507)
        except ValueError as error:
            return self._now(str(error), 409)
        return self._now()

    def _now(self, problem: str = "", status: int = 200) -> web.Response:
        state = self.asked.state()
        said: list[str] = []
        if state["item"] is None:
            try:
                said = self.closing()
            except PapillonError as error:
                problem = problem or str(error)
        return web.json_response({**state, "closing": said, "problem": problem}, status=status)


_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
