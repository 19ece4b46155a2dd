"""Masking: a key, and what looks like one, is taken out of what a server sent, before anything is read from it."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

__all__ = ["MASK", "Mask"]

MASK = "[key]"

#: A shorter key (EMPTY, none, x) is an ordinary word: it is masked as a whole word, and in error texts alone.
_SHORTEST = 8

_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_ELIDED = re.compile(r"([^\s\"'`()]*?)(?:[*•·]{2,}|…+|\.{3,})([^\s\"'`()]*)")
_FRAGMENT = re.compile(r"[\w+/=-]{6,}")
_LOOKS_LIKE_A_KEY = re.compile(
    r"""(?<![A-Za-z0-9])(?:sk|pk|gsk|hf|xai|pplx|nvapi|csk|tgp|ghp|glpat)[-_][\w.*•…-]{3,}   # providers' prefixes
    | AIza[\w-]{10,} | ya29\.[\w-]{8,} | AKIA[A-Z0-9]{12,} | eyJ[\w-]{8,}\.[\w.-]{8,}
    | [^\s"'`()]*\*{3,}[^\s"'`()]*   # shortened by its sender
    | (?<=://)[^\s/@"']+(?=@)   # a user in an address
    """,
    re.VERBOSE,
)
_AFTER_A_WORD = re.compile(
    r"""( \bbearer\s+ (?= \S*\d | \S{20} )
        | [?&;] [\w-]*? (?:key|token|secret|signature|sig|password) =
        | (?:key|token|secret|password|authorization) \b ["']? [\s:=]* (?:is|was|provided|given)? [\s:=]* ["'`(]?
          (?= [A-Za-z0-9+/_=-]{20} | [0-9a-fA-F]{16} )
        ) [^\s"'`()&,;]{4,}""",
    re.VERBOSE | re.IGNORECASE,
)


class Mask:
    """Masks one key; ``key`` is what stands in the header, None where none is sent."""

    def __init__(self, key: str | None) -> None:
        self._key = key or ""
        self._spellings = _spellings(key) if key is not None and len(key) >= _SHORTEST else ()
        self._raw = tuple(spelling.encode() for spelling in self._spellings)

    def body(self, raw: bytes) -> bytes:
        """A reply's body without the key, however it is spelt there; a plain body comes back as it is."""
        if self._raw and b"\\u00" in raw and _ESCAPED_ASCII.search(raw):
            # Some servers write ordinary signs as escapes, and any sign can be written as one.
            plain = _ESCAPE.sub(_unescaped, raw)
            raw = plain if any(spelling in plain for spelling in self._raw) else raw
        for spelling in self._raw:
            if spelling in raw:
                raw = raw.replace(spelling, MASK.encode())
        return raw

    def words(self, text: str) -> str:
        """The words of an error without the key, a shortened echo of it, and anything that looks like a key."""
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        if self._spellings:
            text = _ELIDED.sub(self._elided, text)
            text = _FRAGMENT.sub(self._fragment, text)
        elif self._key:
            text = re.sub(rf"(?<![\w-]){re.escape(self._key)}(?![\w-])", MASK, text)
        return _AFTER_A_WORD.sub(rf"\1{MASK}", _LOOKS_LIKE_A_KEY.sub(MASK, text))

    def _elided(self, found: re.Match[str]) -> str:
        start, end = found[1].lstrip(":=,"), found[2].rstrip(".,;:!")
        told = len(start) + len(end) >= 4 and self._key.startswith(start) and self._key.endswith(end)
        return MASK if told else found[0]

    def _fragment(self, found: re.Match[str]) -> str:
        word = found[0]
        ends = self._key.startswith(word) or self._key.endswith(word)
        return MASK if ends or (len(word) >= _SHORTEST and word in self._key) else word


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1] is None:
        return escape[0]
    sign = bytes([int(escape[1], 16)])
    return b"\\" + sign if sign in b'"\\' else sign


def _spellings(key: str) -> tuple[str, ...]:
    """How a key can stand in a text: as it is, escaped for JSON or an address, and within base64."""
    escaped = json.dumps(key)[1:-1]
    percent = quote(key, safe="")
    known = [key, escaped, escaped.replace("/", "\\/"), percent, percent.replace("%2F", "/")]
    for before in range(3):
        # Of base64, what follows from the key alone, wherever in three bytes it begins.
        text = base64.b64encode(b"\0" * before + key.encode()).decode()
        whole = text[(before * 8 + 5) // 6 : (before + len(key)) * 8 // 6]
        known += [whole, whole.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(known))
