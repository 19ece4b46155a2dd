"""Table: one TOML table of a profile, read key by key, whose every complaint says where it stands."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Any

from papillon.errors import ProfileError

__all__ = ["Table", "shown"]


class Table:
    """One TOML table with its address; its paths count from ``base``, ``file`` is None for pyproject.toml's own."""

    def __init__(self, where: str, data: Any, base: Path, file: Path | None = None) -> None:
        self.where, self.base, self.file = where, base, file
        if not isinstance(data, dict):
            raise ProfileError(f"{where}: expected a table, got {shown(data)}.")
        self.data: dict[str, Any] = data

    def only(self, known: tuple[str, ...]) -> None:
        for key in self.data:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}."
                raise ProfileError(f"{self.where}: unknown key {key!r}; {hint}")

    def table(self, key: str) -> Table | None:
        return Table(f"{self.where}.{key}", self.data[key], self.base, self.file) if key in self.data else None

    def text(self, key: str, choices: tuple[str, ...] | None = None) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a non-empty string", value)
        if choices and value not in choices:
            raise self.wrong(key, "one of " + ", ".join(choices), value)
        return value

    def number(self, key: str, low: float | None = None, high: float | None = None) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.wrong(key, "a number", value)
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"from {low} to {high}" if high is not None else f"of at least {low}"
            raise self.wrong(key, f"a number {bounds}", value)
        return float(value)

    def integer(self, key: str, low: int | None = None) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or (low is not None and value < low):
            raise self.wrong(key, f"a whole number of at least {low}" if low is not None else "a whole number", value)
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def path(self, key: str) -> Path | None:
        value = self.text(key)
        return None if value is None else (self.base / Path(value).expanduser()).resolve()

    def wrong(self, key: str, expected: str, value: Any) -> ProfileError:
        return ProfileError(f"{self.where}.{key}: expected {expected}, got {shown(value)}.")


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"the string {value!r}" if isinstance(value, str) else repr(value)
