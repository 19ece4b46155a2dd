"""Units: which of a row's PII units do not stand in its query, and which of these were joined wrongly.

Units are joined by ``||``. Where a file joins them by a comma, the whole list is one unit that stands nowhere
while its pieces do, and nothing could be seen to leak. Pure functions of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from papillon.data import PupaRow
from papillon.leaks import verbatim

__all__ = ["UnitsCheck", "check_units", "joined_by"]

#: A slash between digits belongs to a date or a fraction.
_SEPARATOR = re.compile(r"[,;|\r\n\t、，；｜／،؛•]|(?<!\d)/|/(?!\d)")
#: What lists, and the texts in them, are put in.
_AROUND = "[](){}'\"“”„‘’«»"


@dataclass(frozen=True, slots=True)
class UnitsCheck:
    """What is odd about the units of ``rows`` rows; mappings go from the names of rows, in the rows' order.

    ``without`` counts the rows that have no unit. ``joined`` gives what a row's units were joined by instead of
    ``||``, as it is shown, ``absent`` how many of its units do not stand in its query word for word for other reasons.
    ``standing`` counts the units that stand in their query so, ``unseen`` is the share of a row's units that are
    absent, as a mean over all rows (0..1).
    """

    rows: int
    without: int
    joined: Mapping[str, str]
    absent: Mapping[str, int]
    standing: int
    unseen: float

    @property
    def joining(self) -> str:
        """Words on the rows that are ``joined``, ``""`` where none is."""
        if not self.joined:
            return ""
        separators = " and ".join(dict.fromkeys(self.joined.values()))
        rows = f"{len(self.joined)} of {self.rows} rows (first {next(iter(self.joined))})"
        return f"the units of {rows} are joined by {separators} where '||' is expected"


def check_units(rows: Iterable[tuple[str, PupaRow]]) -> UnitsCheck:
    """The check of named rows; a unit stands in its query as :func:`papillon.leaks.verbatim` finds it."""
    count = without = standing = 0
    joined: dict[str, str] = {}
    absent: dict[str, int] = {}
    unseen = 0.0
    for name, row in rows:
        units = row.units
        count += 1
        without += not units
        gone = _absent(units, row.user_query)
        standing += len(units) - len(gone)
        for unit in gone:
            if separator := joined_by(unit, row.user_query):
                joined.setdefault(name, separator)
            else:
                absent[name] = absent.get(name, 0) + 1
        unseen += absent.get(name, 0) / max(1, len(units))
    return UnitsCheck(count, without, joined, absent, standing, unseen / max(1, count))


def _absent(units: Sequence[str], query: str) -> list[str]:
    """The units that do not stand in ``query``; most are found without folding it, which takes ten times as long."""
    plain = query.casefold()
    rest = [unit for unit in units if not (unit.isascii() and _plainly(unit.casefold(), plain))]
    return [unit for unit, stands in zip(rest, verbatim(rest, query), strict=True) if not stands] if rest else []


def _plainly(unit: str, text: str) -> bool:
    """Whether it stands there between ASCII signs that are no letters, where folding can change nothing."""
    at = text.find(unit)
    while at >= 0:
        before, after = text[max(at - 1, 0) : at], text[at + len(unit) : at + len(unit) + 1]
        if before.isascii() and after.isascii() and not (before.isalnum() or after.isalnum()):
            return True
        at = text.find(unit, at + 1)
    return False


def joined_by(unit: str, query: str) -> str:
    """What joins the pieces of a unit that does not stand in ``query`` while all its pieces do, else ``""``."""
    pieces = [piece for part in _SEPARATOR.split(unit) if (piece := part.strip().strip(_AROUND).strip())]
    if len(pieces) < 2 or not all(verbatim(pieces, query)):
        return ""
    separator = _SEPARATOR.findall(unit)[0]
    return {"\t": "a tab", "\r": "a line end", "\n": "a line end"}.get(separator, repr(separator))
