"""Connections that do not come about are named as what they are, and asked again only where that can help."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.served.connections import proxy_for
from papillon.models.served.endpoint import Endpoint
from tests.model_server import ModelServer
from tests.papillon.models.attempts import asked, attempt

#: A certificate for localhost by an authority that nobody trusts.
CERTIFICATE = trustme.CA().issue_cert("localhost", "127.0.0.1")
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in PROXIES:
        monkeypatch.delenv(variable, raising=False)


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
    return port


Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asking(base: Callable[[int], str], speak: Speak | None = None, *, tls: bool = False, timeout: float = 5) -> str:
    """What is said of a server that speaks so, TLS or not, at ``base`` of its port; with ``speak`` None plain HTTP."""

    async def fine(request: web.Request) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]})

    async def main() -> None:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            CERTIFICATE.configure_cert(context)
        if speak is None:
            app = web.Application()
            app.router.add_post("/v1/chat/completions", fine)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            port, close = site._server.sockets[0].getsockname()[1], runner.cleanup  # type: ignore[union-attr]
        else:
            server = await asyncio.start_server(speak, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]

            async def close() -> None:
                server.close()

        endpoint = Endpoint("m", base=base(port), key=None, sampling={}, timeout=timeout)
        try:
            await endpoint.acomplete(asked())
        finally:
            await endpoint.aclose()
            await close()

    with pytest.raises((RefusesAll, TransientFailure)) as raised:
        asyncio.run(main())
    error = raised.value
    kind = "for good" if isinstance(error, RefusesAll) else "away" if error.unreachable else "may pass"
    return f"{kind}: {error}"


def local(scheme: str) -> Callable[[int], str]:
    return lambda port: f"{scheme}://127.0.0.1:{port}/v1"


class TestTLS:
    def test_a_certificate_that_does_not_verify_is_named_and_not_retried(self) -> None:
        said = asking(local("https"), tls=True)
        assert said.startswith("for good: Model m at https://127.0.0.1:")
        assert "the certificate of 127.0.0.1:" in said
        assert "does not verify (unable to get local issuer certificate); check api_base, or name your" in said

    def test_https_spoken_to_plain_http_is_a_mix_up(self) -> None:
        assert "speaks no https there; check the port, or write http:// in api_base" in asking(local("https"))

    def test_http_spoken_to_https_is_a_mix_up(self) -> None:
        said = asking(local("http"), tls=True)
        assert said.startswith("for good: ")
        assert "speaks https there; write https:// in api_base" in said

    def test_a_handshake_that_is_broken_off_may_pass(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        assert asking(local("https"), hang_up).startswith("away: ")


class TestAddresses:
    def test_a_refused_connection_is_away(self) -> None:
        said = asking(lambda port: f"http://127.0.0.1:{unused_port()}/v1")
        assert said.startswith("away: ")
        assert "cannot be reached (Connection refused)" in said

    def test_another_service_on_the_port_is_named(self) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 private greeting\r\n")
            await writer.drain()
            writer.close()

        said = asking(local("http"), greet)
        assert said.startswith("for good: ")
        assert "what answers is no HTTP; check the port in api_base" in said
        assert "private" not in said

    def test_a_dropped_connection_may_pass(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()

        assert "may pass: Model m at http://" in asking(local("http"), hang_up)

    @pytest.mark.parametrize("base", ["http://", "http:///v1", "https://:8080/v1", "http://127.0.0.1:99999/v1",
                                      "http://127.0.0.1:abc/v1", "http://[::1/v1", "http://a..b/v1"])  # fmt: skip
    def test_what_is_no_address_is_said_to_be_none(self, base: str) -> None:
        said = asking(lambda port: base)
        assert said.startswith("for good: ")
        assert "its address is none; correct api_base" in said

    def test_a_host_name_that_does_not_resolve_is_named(self) -> None:
        said = asking(lambda port: "http://no-such-host.invalid/v1")
        assert said.startswith(
            "away: Model m at http://no-such-host.invalid/v1 cannot be reached (its host name does not"
        )
        assert "check api_base and the network" in said

    def test_a_server_that_takes_no_connection_is_away(self) -> None:
        with socket.socket() as full:
            # Nobody takes what waits here.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(("127.0.0.1", port))
            said = asking(lambda _: f"http://127.0.0.1:{port}/v1", timeout=0.3)
            for each in waiting:
                each.close()
        assert "took no connection within 0.24 s" in said
        assert said.startswith("away: ")

    def test_what_is_private_in_an_address_is_not_shown(self) -> None:
        said = asking(lambda port: f"http://user:pass@127.0.0.1:{unused_port()}/v1?key=abcd")
        assert "Model m at http://127.0.0.1:" in said
        assert "pass" not in said.removeprefix("may pass")
        assert "abcd" not in said


class TestProxies:
    def test_a_dead_proxy_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        port = unused_port()
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{port}")
        said = asking(lambda _: "https://model.invalid/v1")
        assert said.startswith("away: ")
        assert f"the proxy 127.0.0.1:{port}, which HTTPS_PROXY names, gave no connection: Connection refused" in said
        assert "pass" not in said

    @pytest.mark.parametrize(
        ("status", "said"),
        [(407, "wants a user and password"), (403, "refuses the connection with status 403"), (502, "status 502")],
    )
    def test_what_a_proxy_answers_is_the_proxys(self, monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        def base(port: int) -> str:
            monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
            return "https://model.invalid/v1"

        text = asking(base, answer)
        assert text.startswith("away: " if status == 502 else "for good: ")
        assert "which https_proxy names" in text
        assert said in text

    def test_a_proxy_is_used_with_its_credentials_and_not_for_the_loopback(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ModelServer() as server:
            monkeypatch.setenv("http_proxy", f"http://user:pa%40ss@127.0.0.1:{server.port}")
            assert attempt("http://model.invalid/v1").message.text
            assert server.headers[0]["Host"] == "model.invalid"
            assert server.headers[0]["Proxy-Authorization"] == "Basic dXNlcjpwYUBzcw=="
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
            assert attempt(server.base).message.text
            monkeypatch.setenv("no_proxy", "model.invalid")
            assert proxy_for("http://model.invalid/v1") is None

    @pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "http://", "http://127.0.0.1:abc"])
    def test_what_is_no_http_proxy_is_refused_by_its_variable(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        monkeypatch.setenv("http_proxy", address)
        with pytest.raises(RefusesAll, match="an HTTP proxy in the variable http_proxy"):
            attempt("http://model.invalid/v1")

    def test_a_netrc_file_is_sent_to_nobody(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("default login me password private\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with ModelServer() as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
            attempt("http://model.invalid/v1")
            assert "Authorization" not in server.headers[0]
            attempt("http://model.invalid/v1", key="a-key-of-ours")
            assert server.headers[1]["Authorization"] == "Bearer a-key-of-ours"


def test_an_answered_address_is_no_mistake_when_a_connection_drops() -> None:
    drops: list[Any] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}'
        writer.write(
            b"nonsense\r\n" if drops else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        drops.append(None)
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        endpoint = Endpoint("m", base=base, key=None, sampling={}, timeout=5)
        assert (await endpoint.acomplete(asked())).message.text == "fine"
        with pytest.raises(TransientFailure, match="dropped the connection"):
            await endpoint.acomplete(asked())
        await endpoint.aclose()
        server.close()

    asyncio.run(main())
