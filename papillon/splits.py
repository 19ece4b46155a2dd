"""Splits: which rows are train, dev and test, and which rows are one group because they are not independent.

The tutorial's split goes by position, for comparison with published numbers; the grouped one keeps every
conversation and every repeated query in one place; ``all`` keeps nothing back. Pure functions of the rows; how
contaminated a split is, :mod:`papillon.data_report` counts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal, get_args

from papillon.data import PupaRow
from papillon.errors import UsageError

__all__ = ["CHOICES", "HOW", "SPLITS", "Split", "check_learnable", "groups", "split"]

Split = Literal["train", "dev", "test"]

#: The parts of a split, in their order.
SPLITS: tuple[Split, ...] = get_args(Split)

#: The ways to part rows.
HOW = ("tutorial", "grouped")
#: What a profile's ``split`` may be: one of these, or every row in the one part that is asked for, dev or test.
CHOICES = (*HOW, "all")


def split(rows: Sequence[PupaRow], how: str) -> dict[str, tuple[int, ...]]:
    """Indices into ``rows`` for each of SPLITS, ascending; together they are every row once, but for ``all``.

    The parts are 225/225/214 of 664 rows, PUPA_New's number, and the same shares of any other, rounded.
    ``tutorial`` takes them by position. ``grouped`` keeps each of :func:`groups` in one part, and the mix of
    categories close to that of all rows; a part's size is exact where twice as many rows as the largest group
    has are groups of their own, else off by less than that group. Which rows a grouped part holds does not
    depend on their order. ``all`` has every row in dev and the same in test, of which a run asks one, none in train.

    Raises UsageError for a ``how`` that is not in CHOICES.
    """
    if how == "all":
        whole = tuple(range(len(rows)))
        return {"train": (), "dev": whole, "test": whole}
    share = round(len(rows) * 225 / 664)
    sizes: dict[Split, int] = {"train": share, "dev": share, "test": len(rows) - 2 * share}
    if how == "tutorial":
        part_of = [part for part in SPLITS for _ in range(sizes[part])]
    elif how == "grouped":
        part_of = _placed_by_group(rows, sizes)
    else:
        raise UsageError(f"Expected a split named {', '.join(HOW)} or all, got {how!r}; name one of these.")
    return {part: tuple(i for i, placed in enumerate(part_of) if placed == part) for part in SPLITS}


def check_learnable(how: str, *, targets: bool = True) -> None:
    """UsageError for a split that leaves no rows to learn from, or data without ``targets``, against which an answer is
    rewarded: who trains or optimizes asks before it begins."""
    if how == "all":
        raise UsageError(
            f"Expected the split {' or '.join(HOW)} to learn from, got all, which evaluates every row and leaves none "
            "to learn from; name one of these as the profile's split."
        )
    if not targets:
        raise UsageError(
            "Expected targets to learn from, got targets = false: the reward holds an answer against its target; "
            "give data that have some, and leave that key out."
        )


def groups(rows: Sequence[PupaRow]) -> tuple[str, ...]:
    """The group of each row: rows with one conversation hash, or one query, are in one group, transitively.

    A group's name (16 hexadecimal digits) follows from its queries, whatever the order of ``rows``.
    """
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, row in enumerate(rows):
        for key in (("query", row.user_query), ("conversation", row.conversation_hash)):
            if key[1]:
                parent[root(i)] = root(first.setdefault(key, i))
    names: dict[int, str] = {}
    for i, row in enumerate(rows):
        name = hashlib.sha256(row.user_query.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        names[root(i)] = min(name, names.get(root(i), name))
    return tuple(names[root(i)] for i in range(len(rows)))


def _placed_by_group(rows: Sequence[PupaRow], sizes: dict[Split, int]) -> list[Split]:
    """Each row's part: group after group goes where its categories are furthest below their share."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups(rows)):
        members[group].append(i)
    total = Counter(row.predicted_category for row in rows)
    have: dict[Split, Counter[str]] = {part: Counter() for part in SPLITS}
    room = dict(sizes)
    placed: list[Split] = ["train"] * len(rows)
    # The largest groups first: what is small fills the gaps that they leave.
    for _, indices in sorted(members.items(), key=lambda group: (-len(group[1]), group[0])):
        mix = Counter(rows[i].predicted_category for i in indices)
        behind = {
            # How much the part still lacks of its share of each category, 1 for all of it, summed over rows.
            part: sum(n - n * have[part][c] * len(rows) / (total[c] * sizes[part]) for c, n in sorted(mix.items()))
            for part in SPLITS
            if room[part] >= len(indices)
        }
        part = max(behind, key=behind.__getitem__) if behind else max(SPLITS, key=room.__getitem__)
        have[part] += mix
        room[part] -= len(indices)
        for i in indices:
            placed[i] = part
    return placed
