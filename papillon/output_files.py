"""Output files: where a command may write what it was asked for, refused before anything is paid for or written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from papillon.errors import UsageError
from papillon.files import in_the_way

__all__ = ["OutputFile", "refuse_outputs"]


@dataclass(frozen=True)
class OutputFile:
    """What an ``option`` asked to write and where; its name must have that ``ending``, where there is one.

    Missing folders are made, unless it says otherwise.
    """

    option: str
    path: Path
    ending: str = ""
    makes_folders: bool = True


def refuse_outputs(asked: Iterable[OutputFile], kept: Iterable[Path] = ()) -> None:
    """UsageError, naming the option, for a file that cannot be written, that two options share, or that is ``kept``."""
    own = {path.resolve() for path in kept}
    options: dict[Path, str] = {}
    for each in asked:
        option, path = each.option, each.path
        if path.suffix != each.ending and each.ending:
            raise UsageError(f"{option}: expected a file that ends in {each.ending}, got {str(path)!r}; name another.")
        if why := _unwritable(path, makes_folders=each.makes_folders):
            raise UsageError(f"{option}: expected a file that can be written, got {path}: {why}; name another.")
        if path.resolve() in own:
            raise UsageError(f"{option}: expected another file than a run's own, got {path}; name another.")
        if (other := options.setdefault(path.resolve(), option)) != option:
            raise UsageError(f"{option}: expected another file than that of {other}, got {path} for both.")


def _unwritable(path: Path, *, makes_folders: bool) -> str:
    """Why a file cannot be written there, or ``""`` where nothing is known to be in its way."""
    folder = path.parent
    try:
        if why := in_the_way(path):
            return why
        while makes_folders and not folder.exists():
            folder = folder.parent
        if not folder.exists():
            return f"there is no folder {folder}"
        if not folder.is_dir():
            return f"{folder} is no folder"
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__
