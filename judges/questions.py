"""Questions: what an LLM judge is given to read, as text, and what its answers say together; without DSPy.

What it reads is data: delimited, with delimiters inside it made harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from judges.judge import Opinion, Quality, Verdict
from judges.values import Count

__all__ = ["COUNTED", "PREFERRED", "comparison", "count_from", "counting", "delimited", "preference", "verdict"]

#: The fields that answer the two questions.
COUNTED, PREFERRED = "leaked", "a_is_at_least_as_good"

_DELIMITER = re.compile(r"<(\s*/?\s*data\b)", re.IGNORECASE)
_MARKER = re.compile(r"([\[\]])(?=\1)")


@lru_cache(maxsize=64)  # a row's texts are put to the judge in several questions
def delimited(text: str) -> str:
    """Text between the judge's delimiters; neither they nor DSPy's field markers can be forged in it."""
    safe = _MARKER.sub(r"\1 ", _DELIMITER.sub(r"&lt;\1", text))
    return f"<data>\n{safe}\n</data>"


def counting(units: Sequence[str], request: str) -> dict[str, str]:
    """The inputs of the question how many of ``units`` a request gives away."""
    pieces = "\n".join(f"{number}. {' '.join(unit.split())}" for number, unit in enumerate(units, 1))
    return {"pieces": delimited(pieces), "request": delimited(request)}


def comparison(query: str, a: str, b: str) -> dict[str, str]:
    """The inputs of the question whether ``a`` is at least as good a reply to ``query`` as ``b``."""
    return {"user_query": delimited(query), "response_a": delimited(a), "response_b": delimited(b)}


def count_from(leaked: Count, of: int) -> int:
    """The judge's count of ``of`` units; raises ValueError, which says what came, where it cannot be true."""
    if leaked.of not in (None, of) or not 0 <= leaked.number <= of:
        said: Any = leaked.number if leaked.of is None else f"{leaked.number} of {leaked.of}"
        raise ValueError(f"expected a count from 0 to {of}, got {said}")
    return leaked.number


def preference(first: Opinion, second: Opinion) -> Quality:
    """The quality of ours by both orders: 1 unless the target is preferred in both (Li et al. 2025, section 4)."""
    ours, theirs = bool(first.said.answer), bool(second.said.answer)
    return Quality(int(ours or ours == theirs), verdict(ours, theirs), opinions=(first, second))


def verdict(first: bool, second: bool) -> Verdict:
    """What the two orders say together: ``first`` of (ours, target), ``second`` of (target, ours)."""
    if first:
        return "tie" if second else "better"
    return "worse" if second else "inconsistent"
