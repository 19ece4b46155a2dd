"""What Arbor prints and logs kept off the screen, and its calls within this machine kept from a proxy."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from unittest.mock import patch

__all__ = ["loopback_without_proxy", "own_handlers_kept", "printed_to"]

#: Names of this machine under which Arbor's processes call each other.
_HERE = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104


@contextmanager
def loopback_without_proxy() -> Iterator[None]:
    """Inside, nobody asks a proxy of the environment for an address of this machine, nor does what is started."""
    named = ("NO_PROXY", "no_proxy")
    before = next((os.environ[name] for name in reversed(named) if os.environ.get(name)), "")
    without = ",".join(dict.fromkeys([*filter(None, before.split(",")), *_HERE]))
    with patch.dict(os.environ, dict.fromkeys(named, without)):
        yield


@contextmanager
def printed_to(file: Path) -> Iterator[None]:
    """Inside, what is printed is added to ``file``; so is what the handlers made inside write later."""
    stream = _Added(file)
    with redirect_stdout(stream), redirect_stderr(stream):
        yield


class _Added(io.TextIOBase):
    """A stream that holds no file open: uvicorn's handlers, made once, write for as long as its thread runs."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, text: str) -> int:
        with suppress(OSError), self.file.open("a", encoding="utf-8") as added:
            added.write(text)
        return len(text)


@contextmanager
def own_handlers_kept() -> Iterator[None]:
    """Afterwards the root logger has its handlers back, and of those set up inside the ones that write files."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        yield
    finally:
        added = [handler for handler in root.handlers if handler not in before]
        root.handlers = [*before, *(handler for handler in added if isinstance(handler, logging.FileHandler))]
        root.setLevel(level)
