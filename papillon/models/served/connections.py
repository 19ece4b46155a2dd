"""Connections: the way to a model's server, and what it means when no answer comes over it.

What may pass is told from what no retry mends, and each is named as what it is: the server, its address, its
certificate, or the proxy before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from papillon.errors import EndpointError
from papillon.hosts import host_of, is_loopback
from papillon.models.failures import RefusesAll, TransientFailure

__all__ = ["Proxy", "Route", "proxy_for"]

#: OpenSSL's reasons where the other side does not speak TLS at all.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True)
class Proxy:
    """A proxy that the environment names: its address, with user and password where it has them, and the variable."""

    address: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {host_of(self.address)}, which {self.variable} names,"


def proxy_for(base: str) -> Proxy | None:
    """The proxy before an address, None for none and for the loopback; raises RefusesAll for one that is no proxy."""
    parts = urlsplit(base)
    found = getproxies().get(parts.scheme)
    if not found or is_loopback(base) or proxy_bypass(parts.hostname or ""):
        return None
    variable = f"{parts.scheme}_proxy"
    proxy = Proxy(
        found if "://" in found else f"http://{found}", variable if variable in os.environ else variable.upper()
    )
    with contextlib.suppress(ValueError):
        if host_of(proxy.address) and urlsplit(proxy.address).scheme in ("http", "https"):
            return proxy
    raise RefusesAll(
        f"Expected the address of an HTTP proxy in the variable {proxy.variable}, got another; correct it."
    )


class Route:
    """The way to the server at ``base``, through the environment's proxy; ``name`` is the model's in messages."""

    def __init__(self, name: str, base: str) -> None:
        self.name, self.base = name, base
        try:
            self.proxy = proxy_for(base)
        except ValueError:
            raise self._no_address() from None
        #: An answer came over it, so its address is no mistake.
        self.answered = False

    async def failure(self, error: Exception, timeout: aiohttp.ClientTimeout) -> EndpointError:
        """What an exception of the HTTP client means."""
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return self._away(f"took no connection within {timeout.sock_connect:g} s")
        if isinstance(error, TimeoutError):
            return TransientFailure(f"{self.name} gave no answer within {timeout.total:g} s.", may_have_cost=True)
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self._refused_by_proxy(error.status)
        if isinstance(error, aiohttp.ClientSSLError):
            return self._no_tls(error)
        if isinstance(error, aiohttp.ClientConnectorError):
            return self._unconnected(error.os_error)
        if isinstance(error, ValueError):
            # aiohttp's InvalidURL among them.
            return self._no_address()
        if not self.answered:
            if isinstance(error, aiohttp.ClientResponseError):
                return RefusesAll(f"{self.name} cannot be asked: what answers is no HTTP; check the port in api_base.")
            if self.base.startswith("http://") and self.proxy is None and await _speaks_tls(self.base):
                return RefusesAll(f"{self.name} speaks https there; write https:// in api_base.")
        # The text of a ClientResponseError holds what the server sent.
        cause = "" if isinstance(error, aiohttp.ClientResponseError) else " ".join(str(error).split())[:160]
        what = f"dropped the connection ({cause or type(error).__name__})"
        return TransientFailure(f"{self.name} {what}.", may_have_cost=True)

    def _no_address(self) -> RefusesAll:
        return RefusesAll(f"{self.name} cannot be reached: its address is none; correct api_base.")

    def _away(self, cause: str) -> TransientFailure:
        whose = f"{self.proxy} {cause}; check that variable" if self.proxy is not None else cause
        return TransientFailure(f"{self.name} cannot be reached ({whose}).", unreachable=True)

    def _unconnected(self, cause: OSError) -> EndpointError:
        said = cause.strerror or str(cause)
        if cause.errno is not None and cause.errno > 0:
            said = os.strerror(cause.errno)
        if self.proxy is not None:
            return self._away(f"gave no connection: {said}")
        if isinstance(cause, socket.gaierror):
            return self._away(f"its host name does not resolve: {said}; check api_base and the network")
        return self._away(said)

    def _no_tls(self, error: aiohttp.ClientSSLError) -> EndpointError:
        # A certificate that does not verify has a class of its own, without a common name for the cause.
        cause: Exception = getattr(error, "certificate_error", None) or error.os_error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RefusesAll(
                f"{self.name} cannot be trusted: the certificate of {host_of(self.base)} does not verify "
                f"({cause.verify_message}); check api_base, or name your authority's file in SSL_CERT_FILE."
            )
        reason = getattr(cause, "reason", None) or type(cause).__name__
        if reason in _NO_TLS and self.proxy is None:
            return RefusesAll(f"{self.name} speaks no https there; check the port, or write http:// in api_base.")
        if isinstance(cause, (ssl.SSLEOFError, ConnectionError)) or "EOF" in reason:
            return self._away(f"gave no TLS connection: {reason}")
        return RefusesAll(f"{self.name} cannot be reached: the TLS handshake failed ({reason}); check api_base.")

    def _refused_by_proxy(self, status: int) -> EndpointError:
        if status >= 500:
            return self._away(f"gave no connection: status {status}")
        wants = "wants a user and password" if status == 407 else f"refuses the connection with status {status}"
        return RefusesAll(f"{self.name} cannot be reached: {self.proxy} {wants}; check that variable.")


async def _speaks_tls(base: str) -> bool:
    """Whether a TLS handshake succeeds where plain HTTP was dropped; whose certificate it is does not matter."""
    parts = urlsplit(base)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=context)
            writer.transport.abort()
    except (OSError, TimeoutError):
        return False
    return True
