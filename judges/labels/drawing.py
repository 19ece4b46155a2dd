"""Drawing: the random order in which a split's rows are labelled, so that those labelled first stand for the rest.

A group is drawn as one of its rows, weighted by the group's size: its rows are not independent, and a second one of
them would tell little. A seed and a group's name alone decide its place, so that another run over the same data, or one
whose rows failed elsewhere, is drawn along the same order.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from papillon.results.rows import Row

__all__ = ["Draw", "order"]


@dataclass(frozen=True)
class Draw:
    """One draw: the row by id and trial, and the number of scored rows of its group, for which it stands."""

    row: tuple[str, int]
    group: str
    weight: int


def order(rows: Iterable[Row], split: str, seed: int) -> list[Draw]:
    """All groups of a split's scored rows in their random order; rows without a score or with a known one are out."""
    members: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        if row.split == split and row.status == "scored":
            members[row.group].append((row.id, row.trial))
    return [
        Draw(min(own, key=lambda row: _lot(seed, split, group, *row)), group, len(own))
        for group, own in sorted(members.items(), key=lambda each: _lot(seed, split, each[0]))
    ]


def _lot(*what: object) -> bytes:
    return hashlib.sha256("\0".join(map(str, what)).encode(errors="surrogatepass")).digest()
