"""Evidence: what rows must bring before a gate may judge them; without it no value is a pass, or a fail.

Pure. A mean over rows that say nothing of a metric is a number all the same: 0 leakage where nothing was sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = ["lacking"]

#: Metrics that only rows with a usable answer speak for, and those of them that need units.
_SPOKEN_FOR = ("quality", "leakage", "joint", "carried", "verbatim_leakage")
_OF_UNITS = ("leakage", "joint", "verbatim_leakage")
#: The largest share of rows whose units may be joined wrongly, and of a row's units that may stand nowhere.
_MOST_JOINED = 0.05
_MOST_UNSEEN = 0.20


def lacking(metric: str, rows: Sequence[Row], units: UnitsCheck | None = None) -> str:
    """What ``rows``, one split's, lack to speak for ``metric``, or ``""``; ``units`` is the check of their data."""
    if without := sum(row.status == "infrastructure_error" for row in rows):
        return f"{without} of {len(rows)} rows have no score (infrastructure errors)"
    scored = sum(row.status == "scored" for row in rows)
    if metric in _SPOKEN_FOR and 2 * scored < len(rows):
        return f"only {scored} of {len(rows)} rows are scored, the others are program errors"
    if metric == "carried" and rows and not any(row.carried is not None for row in rows if row.status == "scored"):
        return "no scored row has words in its gold redaction (column redacted_query), so nothing says what to carry"
    if metric not in _OF_UNITS or not rows:
        return ""
    if not any(row.units for row in rows):
        return f"none of {len(rows)} rows has a PII unit (column pii_units, joined by '||'), so nothing can leak"
    if not any(row.units for row in rows if row.status == "scored"):
        return "no row with a PII unit is scored, so nothing could leak"
    if units is None:
        return ""
    if len(units.joined) > _MOST_JOINED * units.rows:
        return f"{units.joining}, so a leak of one could not be seen"
    if not units.standing:
        return (
            f"no PII unit of {units.rows} rows stands in its row's query (column pii_units, joined by '||'), "
            "so no leak could be found"
        )
    if metric == "verbatim_leakage" and units.unseen > _MOST_UNSEEN:
        return f"{100 * units.unseen:.0f}% of a row's units, on average, do not stand in its query"
    return ""
