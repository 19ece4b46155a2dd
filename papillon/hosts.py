"""Hosts: which one an address leads to, whether that is this machine, and which keys it may be sent.

Pure functions over strings. Who is sent which texts is :mod:`papillon.destinations`' matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from papillon.errors import UsageError

__all__ = [
    "KEYS_TABLE",
    "KEYS_VARIABLE",
    "checked_address",
    "checked_pair",
    "host_of",
    "is_loopback",
    "key_refusal",
    "read_pairs",
]

#: Where a user pairs variables with hosts: a table in pyproject.toml, and an environment variable.
KEYS_TABLE, KEYS_VARIABLE = "[tool.papillon.keys]", "PAPILLON_KEY_HOSTS"

#: Providers' own variables: each may go to its provider by https, or to the loopback, without being paired.
_STANDARD = {
    "ANTHROPIC_API_KEY": "api.anthropic.com",
    "DEEPSEEK_API_KEY": "api.deepseek.com",
    "GEMINI_API_KEY": "generativelanguage.googleapis.com",
    "GROQ_API_KEY": "api.groq.com",
    "MISTRAL_API_KEY": "api.mistral.ai",
    "OPENAI_API_KEY": "api.openai.com",
    "OPENROUTER_API_KEY": "openrouter.ai",
    "TOGETHER_API_KEY": "api.together.xyz",
    "XAI_API_KEY": "api.x.ai",
}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)


def checked_address(address: str, where: str, error: type[UsageError] = UsageError) -> str:
    """``address`` as it is; raises ``error``, which names ``where`` it stands and never shows it.

    It must be http:// or https:// with a host, and may have a port and a path. A user, a password, a query
    or a fragment can be a secret, and an address is shown and written in many places.
    """
    if (expected := _fault(address)) is not None:
        raise error(f"{where}: expected {expected}.")
    return address


def _fault(address: str) -> str | None:
    if any(sign.isspace() or not sign.isprintable() for sign in address):
        return "an address without blanks and line ends, got one with some inside or around it; take them out"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return "an http:// or https:// address, got one whose host cannot be read; correct it"
    if "@" in parts.netloc:
        return "an address without a user or password in it; take them out, and name a key's variable in api_key_env"
    if parts.scheme not in ("http", "https") or not address.partition(":")[2].startswith("//"):
        return "an http:// or https:// address, got one that begins otherwise; put one of them before it"
    if "?" in address or "#" in address:
        return (
            "an address without a query (?…) or a fragment (#…); take it out, and name a key's variable in api_key_env"
        )
    if not host:
        return "an address with a host, such as http://localhost:8000/v1, got one without; add it"
    if not _is_host(host):
        return "a host of letters, digits, dots and hyphens (an international name as xn--…), got other signs in it"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        return "a port from 1 to 65535 behind the host's colon, got another; correct it"
    return None


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        return isinstance(ip_address(host), IPv6Address)
    except ValueError:
        return False


def host_of(address: str) -> str:
    """The host that an address leads to, with its port where it has one: ``api.openai.com``, ``localhost:8000``."""
    parts = urlsplit(address)
    host = _plain(parts.hostname or "")
    host = f"[{host}]" if ":" in host else host
    return host if parts.port is None else f"{host}:{parts.port}"


def is_loopback(address: str) -> bool:
    """Whether an address leads to this machine: localhost, 127.0.0.0/8, ::1, or "any address", which comes here too."""
    host = _plain(urlsplit(address).hostname or "")
    if host == "localhost":
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback or found.is_unspecified


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


def key_refusal(variable: str, address: str, pairs: Mapping[str, Sequence[str]]) -> str | None:
    """One sentence on why a profile that is not the user's own may not send ``variable`` there, None where it may.

    ``pairs`` maps variables to the hosts that the user has paired them with. Subdomains are other hosts, and
    a pair's port counts where it has one.
    """
    parts = urlsplit(address)
    host = host_of(address)
    named = _plain(parts.hostname or "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    own = named == _STANDARD.get(variable)
    if (own and parts.scheme == "https") or (variable in _STANDARD and is_loopback(address)):
        return None
    for pair in pairs.get(variable, ()):
        paired = urlsplit(f"//{pair}")
        if _plain(paired.hostname or "") == named and paired.port in (None, port):
            return None
    if own and parts.port is None:
        host = f"{host}:80"  # who pairs that means a key that anybody on the way can read
    return (
        f"Expected the host {host} to be paired with the variable {variable} before a profile outside pyproject.toml "
        f'sends its value there; if you trust both, add {variable} = "{host}" to {KEYS_TABLE} in pyproject.toml, '
        f"or set {KEYS_VARIABLE}='{variable}={host}'."
    )


def read_pairs(text: str) -> dict[str, list[str]]:
    """Variables and their hosts out of ``VAR=host[,host];VAR2=host``; raises UsageError for another form."""
    pairs: dict[str, list[str]] = {}
    for entry in text.split(";"):
        if not entry.strip():
            continue
        variable, equals, hosts = entry.partition("=")
        variable = variable.strip()
        if not equals or not variable:
            raise UsageError(f"{KEYS_VARIABLE}: expected VAR=host[,host];VAR2=host, got another form; correct it.")
        pairs.setdefault(variable, []).extend(
            checked_pair(host.strip(), f"{KEYS_VARIABLE}, variable {variable}") for host in hosts.split(",")
        )
    return pairs


def checked_pair(host: str, where: str, error: type[UsageError] = UsageError) -> str:
    """``host`` or ``host:port`` as it is; raises ``error`` for anything else, an address with its path too."""
    if "/" in host or _fault(f"http://{host}") is not None:
        raise error(f"{where}: expected a host such as api.example.org or localhost:8000, got something else.")
    return host
