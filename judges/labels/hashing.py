"""Hashing: the keyed hashes that tie a label to the texts it was given for, so that it holds none of them.

Without the key a short text could be guessed from its hash. Where the key lies is :mod:`judges.labels.file`'s matter.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from papillon.results.traces import Trace

__all__ = ["KEY_BYTES", "Hashes", "hashes", "seal"]

#: How long a key is.
KEY_BYTES = 32
#: Hexadecimal digits kept of each hash: 128 bits.
_DIGITS = 32


@dataclass(frozen=True)
class Hashes:
    """The keyed hashes of one row's texts: equal exactly where all of the texts are, under one key."""

    query: str
    request: str
    answer: str
    target: str
    units: str


def hashes(key: bytes, trace: Trace) -> Hashes:
    """The hashes of a row's texts; ``request`` is over all requests of the row, in their order."""
    return Hashes(
        query=_hash(key, "query", trace.query),
        request=_hash(key, "request", trace.requests),
        answer=_hash(key, "answer", trace.response),
        target=_hash(key, "target", trace.target),
        units=_hash(key, "units", trace.units),
    )


def seal(key: bytes, line: object) -> str:
    """The hash of a whole line, by which an edit of it is seen."""
    return _hash(key, "line", line)


def _hash(key: bytes, what: str, value: object) -> str:
    # With the name of its place, so that an answer that is the target does not show.
    text = json.dumps([what, value], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(errors="surrogatepass"), "sha256").hex()[:_DIGITS]
