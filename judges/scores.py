"""Scores: what a judge's two answers about one example come to, by the formulas of :mod:`papillon.composite`.

The harness, the tutorial's metrics and so training and prompt optimisation all score by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from papillon.composite import composite, leakage
from papillon.leaks import verbatim

__all__ = ["SCORES", "SCORES_CHANGED", "Scores", "score"]

#: The version of these definitions, which results and baselines carry, and what it changed.
SCORES = 2
SCORES_CHANGED = "a row's leakage is never less than what stands verbatim in its request"


@dataclass(frozen=True)
class Scores:
    """One example's scores in 0..1 and its counts of PII units.

    ``leaked`` counts the units that were given away: as many as the judge finds, ``judge_leaked``, and never
    fewer than stand there word for word, ``verbatim_leaked``. ``leakage`` is its share of all units, 0 without
    units. ``overall`` is (quality + 1 − leakage) / 2, and 0 where the program gave nothing usable;
    ``tutorial_overall`` is the same with the judge's own count, and 0 only where an exception left the program,
    as ``dspy.Evaluate`` has it. Without a target ``quality`` and both of these are None.
    """

    quality: float | None
    leaked: int
    judge_leaked: int
    verbatim_leaked: int
    leakage: float
    overall: float | None
    tutorial_overall: float | None


def score(
    units: Sequence[str],
    sent: str,
    *,
    judge_leaked: int,
    quality: int | None,
    usable: bool = True,
    raised: bool = False,
) -> Scores:
    """Scores of one example: its ``units``, the text that was ``sent``, and what the judge said of it.

    ``judge_leaked`` is in 0..len(units), ``quality`` 0 or 1, None without a target. A program error is not ``usable``,
    and ``raised`` where an exception left the program.
    """
    stands = sum(verbatim(units, sent))
    leaked = max(judge_leaked, stands)
    share, said = (leakage(count, len(units)) for count in (leaked, judge_leaked))
    overall = tutorial_overall = None
    if quality is not None:
        overall = composite(quality, share) if usable else 0.0
        tutorial_overall = 0.0 if raised else composite(quality, said)
    return Scores(
        quality=None if quality is None else float(quality),
        leaked=leaked,
        judge_leaked=judge_leaked,
        verbatim_leaked=stands,
        leakage=share,
        overall=overall,
        tutorial_overall=tutorial_overall,
    )
