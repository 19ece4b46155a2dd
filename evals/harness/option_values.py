"""Option values: what the command line gives for single options, each read and checked by itself.

What the values come to together is ``options``' matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from evals.harness.evaluation.examples import Shard
from papillon.errors import UsageError
from papillon.files import looked_up
from papillon.program_class import ProgramClass, named_program

__all__ = ["Given", "unexpected"]

T = TypeVar("T")


def unexpected(flag: str, expected: str, came: Any) -> UsageError:
    """What to raise for a wrong value: one sentence with the option, what would be right, and what came."""
    return UsageError(f"{flag}: expected {expected}, got {came!r}.")


@dataclass(frozen=True)
class Given:
    """The options' texts by their dest, None where an option was not typed; relative paths count from ``folder``.

    Each method gives one option's value, None where it was not typed, and raises UsageError for a wrong one.
    """

    texts: Mapping[str, Any]
    folder: Path

    def text(self, flag: str) -> Any:
        return self.texts[flag.lstrip("-").replace("-", "_")]

    def choice(self, flag: str, choices: tuple[str, ...]) -> Any:
        """One of ``choices``."""
        if (text := self.text(flag)) is not None and text not in choices:
            raise unexpected(flag, "one of " + ", ".join(choices), text)
        return text

    def count(self, flag: str, most: int | None = None) -> int | None:
        """A whole number from 1 on, to ``most`` where there is such a bound."""

        def read(text: str) -> int:
            if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= (most or int(text)):
                raise ValueError
            return int(text)

        return self._parsed(flag, "a whole number " + (f"from 1 to {most}" if most else "of at least 1"), read)

    def amount(self, flag: str) -> float | None:
        """USD, above 0 and finite."""

        def read(text: str) -> float:
            amount = float(text)
            if not 0 < amount < float("inf"):
                raise ValueError
            return amount

        return self._parsed(flag, "an amount in USD above 0", read)

    def shard(self, flag: str) -> Shard | None:
        """I/N."""

        def read(text: str) -> Shard:
            match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
            if match is None or not 1 <= int(match[1]) <= int(match[2]):
                raise ValueError
            return Shard(int(match[1]), int(match[2]))

        return self._parsed(flag, "I/N with I from 1 to N, such as 2/4", read)

    def path(self, flag: str) -> Path | None:
        """A path that may be there or not."""
        return None if (text := self.text(flag)) is None else self._resolved(flag, text)

    def existing(self, flag: str, what: str) -> Path | None:
        """The path of a file or folder that is there; ``what`` it is."""
        if (path := self.path(flag)) is not None and not path.exists():
            raise unexpected(flag, what, str(path))
        return path

    def program(self, flag: str, what: str) -> Path | ProgramClass | None:
        """A class that can be found, or the path of a file or folder that is there; ``what`` these are."""
        text: str | None = self.text(flag)
        named = None if text is None else named_program(text)
        if not isinstance(named, ProgramClass):
            return self.existing(flag, what)
        named.require(f"{flag} ")
        return named

    def files(self, flag: str, what: str) -> tuple[Path, ...]:
        """The files of an option that may be repeated; ``what`` each is."""
        paths = tuple(self._resolved(flag, text) for text in self.text(flag) or ())
        for path in paths:
            if not path.is_file():
                raise unexpected(flag, what, str(path))
        return paths

    def folder_of(self, flag: str) -> Path | None:
        """A folder, or the name of a new one."""
        if (path := self.path(flag)) is not None and path.exists() and not path.is_dir():
            raise unexpected(flag, "a folder, or a name for a new one", str(path))
        return path

    def dataset(self, flag: str, names: tuple[str, ...]) -> str | None:
        """One of the data sets' ``names``, or the absolute path of a file."""
        if (text := self.text(flag)) is None or text in names:
            return None if text is None else str(text)
        if not (path := self._resolved(flag, text)).is_file():
            raise unexpected(flag, f"{', '.join(names)} or a .csv, .jsonl or .parquet file", text)
        return str(path)

    def profile(self, flag: str) -> str | None:
        """A profile's name, or the path of its file."""
        text: str | None = self.text(flag)
        return str(self._resolved(flag, text)) if text is not None and text.endswith(".toml") else text

    def _resolved(self, flag: str, text: str) -> Path:
        try:
            return looked_up(text, self.folder)
        except ValueError as error:
            raise unexpected(flag, f"a path that can be looked up ({error})", text) from None

    def _parsed(self, flag: str, expected: str, read: Callable[[str], T]) -> T | None:
        if (text := self.text(flag)) is None:
            return None
        try:
            return read(text)
        except ValueError:
            raise unexpected(flag, expected, text) from None
