"""Checkpoints of a training: what the next step follows from, in folders that are whole or not there.

Each checkpoint is written beside its place and renamed into it; a pointer file, replaced in one go, says
which is the last and which the best. So a training that is killed at any moment can go on from the last.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

from papillon.errors import UsageError
from papillon.files import standing, whole_folder, write_whole
from papillon.reading import read

__all__ = ["Checkpoint", "Checkpoints", "Mark", "reading"]

Mark = Literal["last", "best"]


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Inside, ``file`` of a checkpoint is read; raises UsageError, naming it, where that fails."""
    try:
        yield
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        EOFError,
        UnpicklingError,
    ) as error:
        # Torch's own words for bytes that are none of its are advice to run what they say.
        said = "" if isinstance(error, UnpicklingError) else str(error).strip().split("\n")[0]
        raise UsageError(
            f"Expected a whole {file}, got: {said or type(error).__name__}; "
            "put back a copy of it, or train into another folder."
        ) from error


@dataclass(frozen=True)
class Checkpoint:
    """A saved state: its folder's name, the rounds behind it, and its validation score if it has one."""

    name: str
    step: int
    score: float | None = None


class Checkpoints:
    """The checkpoints in one folder: the last, the best, and those that were asked for by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pointer = folder / "checkpoints.json"

    def save(self, checkpoint: Checkpoint, write: Callable[[Path], None], *marks: Mark) -> None:
        """Let ``write`` fill a new folder, and when it is whole, mark it as the last one, the best one, or both."""
        with whole_folder(self.folder / checkpoint.name) as new:
            write(new)
        pointed = self._marks() | dict.fromkeys(marks, asdict(checkpoint))
        write_whole(self._pointer, json.dumps(pointed, indent=2) + "\n")
        self._prune({saved["name"] for saved in pointed.values()})

    def last(self) -> Checkpoint | None:
        """Where to go on, if anywhere."""
        return self._read("last")

    def best(self) -> Checkpoint | None:
        """The one with the best validation score, if any was ever better than the untrained model's."""
        return self._read("best")

    def kept(self, final_score: float | None) -> tuple[Checkpoint, float | None] | None:
        """What the training comes to, with its score: the best one, unless the last, scored at the end, is better."""
        best, last = self.best(), self.last()
        if best is not None and (final_score is None or (best.score is not None and best.score >= final_score)):
            return best, best.score
        return None if last is None else (last, final_score)

    def path(self, checkpoint: Checkpoint) -> Path:
        """Its folder; one that was about to be replaced when the process was killed is still there."""
        return standing(self.folder / checkpoint.name)

    def _read(self, which: Mark) -> Checkpoint | None:
        mark = self._marks().get(which)
        if not mark:
            return None
        with reading(self._pointer):
            found: Checkpoint = read(Checkpoint, mark)
            if Path(found.name).name != found.name:
                raise ValueError("a checkpoint's name that is none")
        return found

    def _marks(self) -> dict[str, dict[str, Any]]:
        if not self._pointer.exists():
            return {}
        with reading(self._pointer):
            marks: dict[str, dict[str, Any]] = dict(json.loads(self._pointer.read_text(encoding="utf-8")))
        return marks

    def _prune(self, kept: set[str]) -> None:
        """Remove the numbered ones that nothing points to; what was named on purpose stays."""
        for folder in self.folder.glob("step-*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
