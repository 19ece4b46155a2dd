"""Pages: the page of one kind of question, with the one style and script that it may act by.

The policy that goes with it lets a browser run the script and use the style with these hashes, ask the page's own
server, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Page", "page"]

_HERE = Path(__file__).parent / "page"
#: The scripts of each kind of question, in the order in which they are read.
_SCRIPTS = {"judging": ("elements", "judging", "asking")}


@dataclass(frozen=True)
class Page:
    """A page, and the Content-Security-Policy that it is sent with."""

    text: str
    policy: str


@cache
def page(kind: str) -> Page:
    """The page that asks questions of a kind; it holds no text of a row, and gets them from its server."""
    style = _read("page.css")
    script = '(() => {\n"use strict";\n' + "\n".join(_read(f"{name}.js") for name in _SCRIPTS[kind]) + "})();\n"
    text = _read("page.html").replace("{{ style }}", style).replace("{{ script }}", script)
    policy = [
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return Page(text, "; ".join(policy))


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
