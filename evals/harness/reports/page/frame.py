"""Frame: the templates with escaping on, and the one style and script that a page may act by.

The policy in the page lets a browser run the script with this hash, use the style with that one, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from papillon.project import EVALUATE
from papillon.results.words import number
from papillon.screen import visible

__all__ = ["SIGNS", "addressable", "block", "rendered"]

_HERE = Path(__file__).parent
#: The scripts of a page, in the order in which they are read: later ones use what earlier ones offer.
_SCRIPTS = {
    "run.html": ("elements", "texts", "differences", "parts", "one", "rows", "routes", "keys"),
    "comparison.html": ("elements", "texts", "differences", "parts", "two", "rows", "routes", "keys"),
}

#: A sign beside each verdict's word, so that colour is never all that tells it.
SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "deferred": "…"}


def block(name: str, data: Any) -> Markup:
    """Data as an element that no browser runs, by ``name``, which is ours; no text in it can end it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Neither an end tag nor a comment's beginning can stand in it then; JSON reads the escape as the sign.
    safe = text.replace("<", "\\u003c")
    return Markup('<script type="application/json" id="{}">').format(name) + Markup(safe) + Markup("</script>\n")  # noqa: S704


def addressable(name: str) -> str:
    """A name as an address can hold it: without halves of surrogate pairs."""
    return name.encode(errors="replace").decode()


def rendered(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The page of a template in pieces, as they come; ``values`` are escaped, and act on no reader's eyes either."""
    style, script = _style(), _script(template)
    sources = {"style": Markup(style), "script": Markup(script), "policy": _policy(style, script)}  # noqa: S704
    return _environment().get_template(template).generate({**sources, **values})


#: How a filter of that name writes a figure, – where there is none.
_FORMS = {"signed": "+.3f", "short": ".2f", "plain": "g"}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    made.filters |= {name: partial(_figure, form) for name, form in _FORMS.items()}
    made.filters |= {"figure": number, "grouped": "{:,}".format, "address": _address}
    made.globals |= {"signs": SIGNS, "evaluate": EVALUATE}
    return made


def _figure(form: str, value: float | None) -> str:
    return "–" if value is None else format(value, form)


def _harmless(value: Any) -> Any:
    """A text as it is printed: what reorders or hides what stands around it is shown as its escape."""
    return visible(value, one_line=True) if type(value) is str else value


def _address(name: str) -> str:
    return quote(addressable(name), safe="")


@cache
def _style() -> str:
    return (_HERE / "style" / "page.css").read_text(encoding="utf-8")


@cache
def _script(template: str) -> str:
    parts = [(_HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS[template]]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
