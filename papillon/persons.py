"""Persons: the name under which somebody labels or reviews; who types blanks around it is nobody else."""

from __future__ import annotations

from papillon.errors import UsageError

__all__ = ["person"]

#: The longest name.
_LONGEST = 60


def person(name: str) -> str:
    """The name with single blanks inside and none around it; UsageError where it is none, or would act on a screen."""
    plain = " ".join(name.split())
    if not (plain and plain.isprintable() and len(plain) <= _LONGEST):
        raise UsageError(f"--by: expected a name of 1 to {_LONGEST} plain signs, got {name!r}; give another.")
    return plain
