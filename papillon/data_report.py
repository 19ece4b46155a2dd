"""The report on a data set: its size, its splits and how contaminated they are, what is odd about its units.

Counts and words, from rows that are loaded already; printing them is the command line's matter.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from papillon.columns import NO_TARGETS
from papillon.composite import leakage
from papillon.data import Dataset, PupaRow
from papillon.leaks import verbatim
from papillon.screen import visible
from papillon.splits import HOW, SPLITS, groups, split
from papillon.tables import Column, cut, table

__all__ = [
    "Contamination",
    "Shared",
    "UnitFacts",
    "contamination",
    "data_report",
    "left_out_line",
    "unit_facts",
]


@dataclass(frozen=True, slots=True)
class Shared:
    """Of ``rows`` rows in a part, how many have a query, and how many a conversation, of an earlier part."""

    rows: int
    query: int
    conversation: int

    def __str__(self) -> str:
        return (
            f"{self.query} of {self.rows} rows share a query with an earlier split, {self.conversation} a conversation"
        )


@dataclass(frozen=True, slots=True)
class Contamination:
    """What ``dev`` shares with train, and ``test`` with train or dev."""

    dev: Shared
    test: Shared

    @property
    def clean(self) -> bool:
        """Whether nothing is shared."""
        return not any((part.query or part.conversation) for part in (self.dev, self.test))


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """Counts over rows and their PII units.

    ``units`` counts the distinct ones of each row. Indices of rows: ``without`` any unit; with an ``empty``
    entry among their units; with a unit ``absent`` from their query (:func:`papillon.leaks.verbatim`), once
    for each such unit. A plain case-folded search finds the share ``pooled`` of all units in their queries,
    and ``mean`` as a mean over rows (0 for one without units), both in 0..1.
    """

    units: int
    without: tuple[int, ...]
    empty: tuple[int, ...]
    absent: tuple[int, ...]
    pooled: float
    mean: float


def contamination(rows: Sequence[PupaRow], how: str) -> Contamination:
    """How many rows of dev and test have an earlier part's query (the same text), or its conversation hash.

    Of ``all`` none: its dev and test are the same rows, and a run asks one of them.
    Raises UsageError for a ``how`` that :func:`papillon.splits.split` does not know.
    """
    if how == "all":
        alone = Shared(len(rows), 0, 0)
        return Contamination(alone, alone)
    parts = split(rows, how)
    queries: set[str] = set()
    conversations = {""}
    shared = {}
    for name in SPLITS:
        part = [rows[i] for i in parts[name]]
        known = conversations - {""}
        shared[name] = Shared(
            len(part),
            sum(row.user_query in queries for row in part),
            sum(row.conversation_hash in known for row in part),
        )
        queries.update(row.user_query for row in part)
        conversations.update(row.conversation_hash for row in part)
    return Contamination(shared["dev"], shared["test"])


def unit_facts(rows: Sequence[PupaRow]) -> UnitFacts:
    """What is odd about the rows' PII units, and how many stand in their queries; ``rows`` is not empty."""
    units = [row.units for row in rows]
    queries = [row.user_query.casefold() for row in rows]
    found = [sum(unit.casefold() in query for unit in own) for own, query in zip(units, queries, strict=True)]
    count = sum(map(len, units))
    return UnitFacts(
        units=count,
        without=tuple(i for i, own in enumerate(units) if not own),
        empty=tuple(
            i
            for i, row in enumerate(rows)
            if units[i] and not all(entry.strip() for entry in row.pii_units.split("||"))
        ),
        absent=tuple(
            i
            for i, (row, own) in enumerate(zip(rows, units, strict=True))
            for stands in verbatim(own, row.user_query)
            if not stands
        ),
        pooled=sum(found) / count if count else 0.0,
        mean=sum(leakage(hits, len(own)) for hits, own in zip(found, units, strict=True)) / len(rows),
    )


def left_out_line(dataset: Dataset) -> str:
    """One sentence on the rows of a named set that could not be used, or ``""`` where there are none."""
    if not dataset.left_out:
        return ""
    total = len(dataset.rows) + len(dataset.left_out)
    named = ", ".join(f"row {number} has no {column}" for number, column in dataset.left_out)
    return f"{len(dataset.left_out)} of the {total} rows of {dataset.name} left out: {named}."


def data_report(dataset: Dataset, width: int = 80) -> str:
    """The report in lines of at most ``width`` columns (60 or more), each ended with a line feed."""
    rows = dataset.rows
    queries = len({row.user_query for row in rows})
    conversations = len({row.conversation_hash for row in rows} - {""})
    lines = [
        f"{dataset.name}: {len(rows)} rows, {queries} distinct queries, {conversations} conversations, "
        f"{len(set(groups(rows)))} groups of rows that share one or the other",
        f"sha256 {dataset.sha256[:16]}",
    ]
    if dataset.left_out:
        lines.append(left_out_line(dataset))
    if bare := sum(not row.target_response.strip() for row in rows):
        lines.append(f"{bare} of {len(rows)} rows have no target: evaluate them without targets ({NO_TARGETS})")
    for how in HOW:
        lines += ["", *_split_lines(rows, how, width)]
    lines += ["", *_unit_lines(dataset)]
    return "".join(f"{textwrap.fill(line, width, subsequent_indent='  ')}\n" for line in lines)


def _category(name: str) -> str:
    return cut(f"- {visible(name, one_line=True) or '(no category)'}", 37)


def _split_lines(rows: Sequence[PupaRow], how: str, width: int) -> list[str]:
    parts, shared = split(rows, how), contamination(rows, how)
    mix = {part: Counter(rows[i].predicted_category for i in parts[part]) for part in SPLITS}
    body = [
        ("rows", *(str(len(parts[part])) for part in SPLITS)),
        *(
            (_category(category), *(str(mix[part][category]) for part in SPLITS))
            for category in sorted({row.predicted_category for row in rows})
        ),
        ("query stands in an earlier part", "", str(shared.dev.query), str(shared.test.query)),
        ("conversation in an earlier part", "", str(shared.dev.conversation), str(shared.test.conversation)),
    ]
    heads = [Column(f"split {how}", least=38), *(Column(part, right=True, least=7) for part in SPLITS)]
    lines = table(heads, body, width, gap=0)
    if not shared.clean:
        lines.append("On shared rows a score is partly a memory test; the grouped split has none.")
    return lines


def _unit_lines(dataset: Dataset) -> list[str]:
    facts = unit_facts(dataset.rows)
    gone = {number for number, _ in dataset.left_out}
    numbers = [number for number in range(1, len(dataset.rows) + len(gone) + 1) if number not in gone]

    def where(indices: Sequence[int]) -> str:
        first = [str(numbers[i]) for i in dict.fromkeys(indices)]
        more = f" and {len(first) - 5} more" if len(first) > 5 else ""
        return f"  row{'s' * (len(first) > 1)} {', '.join(first[:5])}{more}" if first else ""

    return table(
        (Column(least=52), Column(right=True, least=7), Column()),
        [
            ("PII units, each once a row", str(facts.units), ""),
            ("- nowhere word for word in their row's query", str(len(facts.absent)), where(facts.absent)),
            ("- rows with an empty unit beside others", str(len(facts.empty)), where(facts.empty)),
            ("- rows without any unit", str(len(facts.without)), where(facts.without)),
            ("- found by a plain case-folded search", f"{facts.pooled:.1%}", ""),
            ("- the same as a mean over rows", f"{facts.mean:.1%}", ""),
        ],
        200,
        gap=0,
        heads=False,
    )
