"""Error bodies: what a server says went wrong, in whatever shape it says so.

A body may quote the prompt, so what stands in the request is cut out before anything is judged or shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from papillon.models.served.bodies import is_page, json_in
from papillon.models.served.masking import Mask
from papillon.models.served.quotations import Quotations

__all__ = ["ErrorBody", "read_error"]

#: So many signs of a server's words are shown, and so many are looked at.
_SHOWN, _READ = 160, 1000
_WORDS = ("error", "message", "detail", "details", "errors", "msg", "title", "raw")
_NAMES = ("code", "type", "status", "status_code", "statusCode", "reason", "param")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_ESCAPED = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|([nrt])|(.)|$)")


@dataclass(frozen=True)
class ErrorBody:
    """What an error body says.

    ``words`` is what may be shown: one line, short, without keys and without the prompt, "" for nothing.
    ``text`` is what to judge by: words and codes in small letters. ``names`` are the request's fields that the
    body names as its subject, ``status`` the status that stands in the body itself.
    """

    words: str
    text: str
    names: tuple[str, ...]
    status: int | None
    html: bool

    @property
    def said(self) -> str:
        """``words`` behind a colon, to be put after what happened."""
        words = (f"an HTML page ({self.words!r})" if self.words else "an HTML page") if self.html else self.words
        return f": {words}" if words else ""


def read_error(raw: bytes, messages: Sequence[Mapping[str, str]], mask: Mask) -> ErrorBody:
    """What the body ``raw`` says, to a request of those messages."""
    html, found = is_page(raw), _Found()
    if html:
        title = _TITLE.search(raw[:5000])
        found.words.append(title[1].decode("utf-8", "replace") if title else "")
    else:
        data = json_in(raw)
        found.take(raw[: 4 * _READ].decode("utf-8", "replace") if data is None else data)
    words, shown = _one_line(found.words), ""
    if words:
        quotations = Quotations(message["content"] for message in messages)
        words = quotations.without_runs(words)
        cut = mask.words(quotations.without_words(words[: 3 * _SHOWN]))
        # A server's words act on nobody's terminal.
        shown = "".join(sign if sign.isprintable() else " " for sign in cut).strip(" .;")
    if len(shown) > _SHOWN:
        shown = f"{shown[: _SHOWN - 1]}…"
    return ErrorBody(shown, " ".join([*found.codes, words]).lower(), tuple(found.names), found.status, html)


@dataclass
class _Found:
    words: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    status: int | None = None

    def take(self, data: Any, depth: int = 0) -> None:
        """Gather from OpenAI's shape and the others: a list, ``message``, ``detail``, text, JSON within text."""
        if isinstance(data, str):
            inner = json_in(data) if data.lstrip()[:1] in ("{", "[") else None
            if isinstance(inner, (dict, list)):
                self.take(inner, depth + 1)
            else:
                self.words.append(data)
        elif isinstance(data, list) and depth < 8:
            for item in data[:5]:
                self.take(item, depth + 1)
        elif isinstance(data, dict) and depth < 8:
            self._take_table(data, depth)

    def _take_table(self, data: dict[str, Any], depth: int) -> None:
        for name in _NAMES:
            value = data.get(name)
            if isinstance(value, str):
                self.codes.append(value[:200])
            # LiteLLM writes the status as a text.
            if isinstance(value, (int, str)) and _STATUS.fullmatch(str(value)) and self.status is None:
                self.status = int(value)
        if isinstance(param := data.get("param"), str) and " " not in param:
            self.names.append(re.split(r"[.\[]", param.removeprefix("body."))[0])
        if isinstance(loc := data.get("loc"), list):
            # FastAPI's: where it is wrong, and why; the value itself stands beside, and is not taken.
            self.names += [str(part) for part in loc if part != "body"][:1]
            self.words.append(".".join(map(str, loc)))
        for name in ("innererror", "metadata"):
            if isinstance(inner := data.get(name), dict):
                self.take(inner, depth + 1)
        for name in _WORDS:
            if isinstance(value := data.get(name), (str, dict, list)):
                self.take(value, depth + 1)


def _one_line(words: Iterable[str]) -> str:
    """Words as plain text on one line: a quotation may be escaped for JSON, HTML or an address, and more than once."""
    text = "; ".join(dict.fromkeys(filter(None, words)))[: 2 * _READ]
    plain = normalize("NFC", unquote(unescape(_ESCAPED.sub(_meant, text))))
    return " ".join(plain.replace("\0", " ").split())[:_READ]


def _meant(escape: re.Match[str]) -> str:
    if escape[1] is not None:
        sign = chr(int(escape[1], 16))
        return sign if sign.isprintable() else " "
    return escape[3] or " "
