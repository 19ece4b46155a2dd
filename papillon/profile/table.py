"""Table: one TOML table of a profile with its address, read key by key or as a dataclass of :mod:`papillon.shape`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from papillon.errors import ProfileError
from papillon.shape import Missing, Unfit, Unknown, check_keys, fitted, hints_of
from papillon.spelling import did_you_mean

__all__ = ["Table"]

T = TypeVar("T")

#: How many characters of a wrong value are shown.
LONGEST_SHOWN = 200


class Table:
    """One TOML table with its address; its paths count from ``base``, ``file`` is None for pyproject.toml's own."""

    def __init__(self, where: str, data: Any, base: Path, file: Path | None = None) -> None:
        self.where, self.base, self.file = where, base, file
        if not isinstance(data, dict):
            raise ProfileError(f"{where}: expected a table, got {_shown(data)}.")
        self.data: dict[str, Any] = data

    def only(self, known: tuple[str, ...]) -> None:
        """Raise ProfileError for a key that is none of ``known``."""
        for key in self.data:
            if key not in known:
                raise self._unknown(key, known)

    def part(self, keys: Iterable[str]) -> Table:
        """The same table with those of ``keys`` alone."""
        return Table(self.where, {key: self.data[key] for key in keys if key in self.data}, self.base, self.file)

    def at(self, key: str) -> Table:
        """The table under ``key``, which is there; raises ProfileError for what is no table."""
        return Table(f"{self.where}.{key}", self.data[key], self.base, self.file)

    def table(self, key: str) -> Table | None:
        """The same, None where there is nothing under ``key``."""
        return self.at(key) if key in self.data else None

    def tables(self) -> dict[str, Table]:
        """The table under each key; raises ProfileError for what is no table."""
        return {key: self.at(key) for key in self.data}

    def value(self, key: str, hint: Any) -> Any:
        """The value under ``key`` as the annotation ``hint`` has it, None where there is none."""
        if key not in self.data:
            return None
        try:
            return fitted(key, self.data[key], hint, self.base)
        except Unfit as wrong:
            raise self.wrong(key, wrong.phrase(str)) from None

    def read(
        self,
        cls: type[T],
        given: Mapping[str, Any] | None = None,
        own: Mapping[str, Callable[[Table, str], Any]] | None = None,
    ) -> T:
        """The dataclass that this table says: ``given`` fields are known, ``own`` ones are read by their function."""
        given, own = given or {}, own or {}
        try:
            check_keys(cls, self.data)
        except Unknown as unknown:
            raise self._unknown(unknown.key, unknown.known) from None
        except Missing as missing:
            raise ProfileError(f"{self.where}: expected {missing.words}.") from None
        hints = hints_of(cls)
        return cls(
            **given,
            **{
                key: own[key](self, key) if key in own else self.value(key, hints[key])
                for key in self.data
                if key not in given
            },
        )

    def wrong(self, key: str, expected: str) -> ProfileError:
        """What is wrong with the value under ``key``."""
        return ProfileError(f"{self.where}.{key}: expected {expected}, got {_shown(self.data[key])}.")

    def _unknown(self, key: str, known: tuple[str, ...]) -> ProfileError:
        hint = did_you_mean(key, known, f"known keys are {', '.join(known)}.")
        return ProfileError(f"{self.where}: unknown key {key!r}; {hint}")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
    return f"the string {shown}" if isinstance(value, str) else shown
