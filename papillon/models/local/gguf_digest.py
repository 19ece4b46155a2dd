"""The sha256 of a model's file, computed once and remembered until the file changes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from papillon.errors import EndpointError
from papillon.files import open_plain, whole_file
from papillon.models.local.memory import megabytes
from papillon.models.local.weights import PREPARED

__all__ = ["REMEMBERED", "digest_of"]

#: Where digests are remembered.
REMEMBERED = PREPARED / "digests.json"
#: From this size on, computing a digest is said on screen.
TOLD_FROM = 300_000_000

_known: dict[str, str] = {}
_computing = threading.Lock()


def digest_of(path: Path, say: Callable[[str], None] = lambda sentence: None, memory: Path = REMEMBERED) -> str:
    """The sha256 of the file at ``path``, in hex; read again only where its size, time or inode is another.

    ``say`` hears of a large file that is about to be read. Raises EndpointError where it cannot be read.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise EndpointError(
            f"Expected the weights of a model in {path}, got a folder, a pipe or a device there; check the path."
        )
    with _computing:
        try:
            mark = _mark(path)
            _known.update({key: value for key, value in _remembered(memory).items() if key not in _known})
            if mark not in _known:
                if (size := path.stat().st_size) >= TOLD_FROM:
                    say(f"Computing the sha256 of {path.name}, {megabytes(size)}, once.")
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if _mark(path) != mark:
                    raise EndpointError(
                        f"Expected {path} to stay as it is while it is read, but it changed; try again."
                    )
                _known[mark] = digest
                _remember(memory, mark, digest)
            return _known[mark]
        except OSError as error:
            raise EndpointError(
                f"Expected the weights of a model in {path}, but they cannot be read: {error.strerror}; check the path."
            ) from error


def _mark(path: Path) -> str:
    seen = path.stat()
    return f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino} {path}"


def _remembered(memory: Path) -> dict[str, str]:
    with suppress(OSError, ValueError), open_plain(memory) as file:
        found = json.load(file)
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
    return {}


def _remember(memory: Path, mark: str, digest: str) -> None:
    """Add one digest, in place of what was known of the same path; a folder that cannot be written costs only time."""
    path = mark.split(" ", 3)[3]
    others = {key: value for key, value in _remembered(memory).items() if key.split(" ", 3)[3:] != [path]}
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(memory, private=True) as new:
            new.write_text(json.dumps({**others, mark: digest}, indent=1))
