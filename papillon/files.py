"""Files that are written whole or not at all: a reader sees the old text or the new, never half of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from papillon.errors import UsageError

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Replace a file, with the folders that it needs; raises UsageError, naming it, where that cannot be done."""
    data, unfinished = text.encode(), path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise UsageError(f"Expected to write {path}, but it cannot be written: {error.strerror}.") from error
