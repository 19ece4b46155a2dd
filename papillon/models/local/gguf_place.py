"""Where the file of a ``gguf/`` model is: at a path, or in a repository of the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from papillon.errors import UsageError
from papillon.profile import ROOT, ModelSettings

__all__ = ["HubFile", "place_of"]

#: A repository's owner, its name, and a file in it; no part of them leads out of a folder.
_HUB = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)/((?:[\w-][\w.-]*/)*[\w-][\w.-]*\.gguf)", re.ASCII)
_REVISION = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)
_SHA256 = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the hub at a revision: a commit, a tag or a branch."""

    repository: str
    file: str
    revision: str = "main"

    def __str__(self) -> str:
        return f"{self.file} in {self.repository} at {self.revision}"


def place_of(settings: ModelSettings) -> Path | HubFile:
    """The place that a model named ``gguf/…`` has its file in; nothing is looked at yet.

    A relative path counts from the profile's file, in pyproject.toml from the project's root. Raises UsageError for a
    name that is neither a path nor a file of the hub, and for a ``revision`` or ``sha256`` that cannot be one.
    """
    name = settings.model.partition("/")[2]
    if settings.sha256 is not None and not _SHA256.fullmatch(settings.sha256):
        raise UsageError(f"Expected sha256 of {settings.model} as 64 hexadecimal digits, got {settings.sha256!r}.")
    if name.startswith(("/", "./", "../", "~")):
        if settings.revision is not None:
            raise UsageError(
                f"Expected revision for a model from the hub alone, and {settings.model} is a path; leave it out."
            )
        base = ROOT if settings.file is None else settings.file.parent
        return (base / Path(name).expanduser()).resolve()
    found = _HUB.fullmatch(name)
    if found is None:
        raise UsageError(
            "Expected a .gguf model as gguf/PATH, where PATH begins with /, ./, ../ or ~, or as "
            f"gguf/OWNER/REPO/FILE.gguf from the hub, got {settings.model!r}; correct 'model' in the profile."
        )
    if settings.revision is None:
        return HubFile(found[1], found[2])
    if not _REVISION.fullmatch(settings.revision):
        raise UsageError(
            f"Expected revision of {settings.model} as a commit, a tag or a branch, got {settings.revision!r}."
        )
    return HubFile(found[1], found[2], settings.revision)
