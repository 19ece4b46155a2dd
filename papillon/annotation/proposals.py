"""Proposals: pieces of a query that may be units, each with its place there and with who proposed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from papillon.leaks import fold, places

__all__ = ["Proposal", "joinable", "place_of_unit", "together"]


@dataclass(frozen=True, order=True)
class Proposal:
    """The slice of a query from ``start`` to ``end``, in characters: where the unit stands there first.

    ``kind`` is what it looks like, ``""`` where nobody says; ``origins`` are who proposed it: ``form``, ``capitals``,
    ``model``, ``file``.
    """

    start: int
    end: int
    kind: str
    origins: tuple[str, ...]

    def of(self, query: str) -> str:
        """The unit, as it stands in its query."""
        return query[self.start : self.end]


def joinable(unit: str) -> bool:
    """Whether a unit is the same once it is joined with others by ``||``."""
    return bool(unit.strip()) and "||" not in unit and not unit.startswith("|") and not unit.endswith("|")


def place_of_unit(unit: str, query: str) -> tuple[int, int] | None:
    """Where ``unit`` stands first in ``query`` word for word, None where it does not."""
    if not (bare := unit.strip()):
        return None
    return next(iter(places(bare, query)), None)


def together(query: str, proposed: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """All proposals of one query, in its order: one for each unit, at its first place, with all who proposed it.

    One that could not be joined with others is left out.
    """
    found: dict[str, Proposal] = {}
    for each in sorted(proposed):
        unit = each.of(query)
        if not joinable(unit):
            continue
        if (known := found.get(fold(unit))) is None:
            found[fold(unit)] = each
        else:
            origins = tuple(dict.fromkeys((*known.origins, *each.origins)))
            found[fold(unit)] = replace(known, kind=known.kind or each.kind, origins=origins)
    return tuple(sorted(found.values()))
