"""Properties: the figures that an item's report carries beside its outcome, as a file of JUnit has them.

Ids and numbers alone, each a pair of ASCII strings, which survives any worker's way home.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from papillon.results.rows import METRICS, Row

__all__ = ["row_properties", "verdict_properties"]

#: What a row says in words: why it has no score, and the data's own name of its kind.
_WORDS = ("error", "category", "script")
#: What a verdict has as numbers, gates' and controls'.
_FIGURES = ("value", "low", "high", "n", "groups", "min", "max", "max_drop")
_SCORES = ("quality", "leakage", "judge_leakage", "verbatim_leakage", "carried", "overall")


def row_properties(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Of one example: its rows' figures as one string of JSON, and each metric's mean over the trials that have it."""
    figures = [{name: value for name, value in row.items() if name not in _WORDS} for row in rows]
    found = [("papillon", json.dumps(figures, ensure_ascii=True))]
    made = [Row.from_json(row) for row in rows]
    for metric in METRICS:
        values = [score for row in made if (score := row.score(metric)) is not None]
        found += [(f"papillon-{metric}", _number(sum(values) / len(values)))] if values else []
    if any(row.status == "program_error" for row in made):
        found.append(("papillon-program-error", "1"))
    return found


def verdict_properties(results: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Of a gate, with a result for each of its bounds, or of a control: its figures, each once."""
    found = {}
    for result in results:
        for name in (*_FIGURES, *_SCORES):
            if (figure := result.get(name)) is not None:
                found[f"papillon-{name}"] = _number(figure)
    return list(found.items())


def _number(figure: float) -> str:
    return f"{figure:.6g}"
