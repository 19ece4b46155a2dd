"""Worst: a run's rows in the order in which a reader would look at them, one line each, without any text of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from papillon.results import Row
from papillon.screen import visible
from papillon.tables import cut

__all__ = ["could_be_better", "row_lines", "worst_first", "worth"]


def worth(row: Row) -> float:
    """How good a row is in all, 0..1: its overall; without a target what it did not leak, 0 for a program error; 0
    without a score."""
    if row.overall is not None or row.leakage is None:
        return row.overall or 0.0
    return 0.0 if row.status == "program_error" else 1 - row.leakage


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Rows without a score, then what is worth least first, of these what leaked most; the others in their order."""
    return sorted(rows, key=lambda row: (row.leakage is not None, worth(row), -(row.leakage or 0.0)))


def could_be_better(rows: Iterable[Row]) -> list[Row]:
    """The rows with a score that are not as good as can be, the worst first."""
    return [row for row in worst_first(rows) if row.leakage is not None and worth(row) < 1]


def row_lines(rows: Sequence[Row], width: int, *, trials: int = 1) -> list[str]:
    """Each row on a line of at most ``width`` columns: id, trial where there are several, scores, leaked, error."""
    return [cut(visible(_line(row, trials), one_line=True), width) for row in rows]


def _line(row: Row, trials: int) -> str:
    text = f"  {row.id}" + (f"  trial {row.trial}" if trials > 1 else "")
    if row.leaked is None:
        text += "  no score"
    else:
        if row.overall is not None:
            text += f"  overall {row.overall:.2f}  quality {row.quality:g}"
        text += f"  leaked {row.leaked:g}/{row.units}"
    return text + (f"  {row.error}" if row.error else "")
