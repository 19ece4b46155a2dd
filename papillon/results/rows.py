"""Row: what one sample of one example came to, without its texts; what gates, reports and files are views of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from papillon.composite import carried_reward, leakage
from papillon.results.ranges import Amount, Count, Share

__all__ = ["COSTS", "METRICS", "OF_TARGETS", "SPARSE", "Row", "Status", "Verdict"]

Status = Literal["scored", "program_error", "infrastructure_error"]
Verdict = Literal["better", "tie", "worse", "inconsistent"]

#: The metrics that are means over a split's rows, each in 0..1.
METRICS = ("quality", "leakage", "overall", "joint", "carried", "verbatim_leakage", "errors")
#: Metrics of which more is worse.
COSTS = ("leakage", "verbatim_leakage", "errors")
#: Metrics that hold an answer against its target: without targets no row has them.
OF_TARGETS = ("quality", "overall", "joint")
#: Metrics of which a row with scores may have no value; their means are over the rows that have one.
SPARSE = ("carried", *OF_TARGETS)


@dataclass(frozen=True)
class Row:
    """One example's outcome in one trial; fields and meaning as in the results file.

    Scores are in 0..1 and None exactly when ``status`` is ``infrastructure_error``, those that rest on a target also in
    a run without targets;
    ``leaked``, ``judge_leaked``, ``units`` and ``verbatim_leaked`` count PII units, see
    :class:`judges.scores.Scores`; ``verdict`` is None without a pairwise judge; ``seconds`` is the wall time
    of this run's share of it. ``carried`` in 0..1 (:func:`judges.carried.carried`) is None also where the data's
    redacted query has no words.

    ``category`` is the data's own name of what the query is about, ``""`` where they have none; ``query_chars`` the
    query's length in characters; ``script`` that of most of its letters, ``""`` without one
    (:func:`papillon.scripts.script_of`). All four are None in a row of an older results file.
    """

    id: str
    split: str
    trial: Count
    group: str
    status: Status
    error: str | None
    quality: Share | None
    verdict: Verdict | None
    leaked: Count | None
    judge_leaked: Count | None
    units: Count
    leakage: Share | None
    verbatim_leaked: Count | None
    overall: Share | None
    tutorial_overall: Share | None
    # By keyword alone: an older file has none of the four.
    carried: Share | None = field(default=None, kw_only=True)
    category: str | None = field(default=None, kw_only=True)
    query_chars: Count | None = field(default=None, kw_only=True)
    script: str | None = field(default=None, kw_only=True)
    seconds: Amount

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))  # flat, and asdict takes ten times as long

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Row:
        return cls(**data)

    def lacking(self, *, targets: bool) -> str:
        """A score that the row must have and has not, "" for none; ``targets`` says whether its run had some."""
        needed = ("leaked", "leakage", "verbatim_leaked", *(("quality", "overall") if targets else ()))
        if self.status == "infrastructure_error":
            return ""
        return next((name for name in needed if getattr(self, name) is None), "")

    @property
    def undercounted(self) -> bool:
        """Whether the judge was overruled: it counts fewer leaks than stand verbatim in the request."""
        return (self.judge_leaked or 0) < (self.verbatim_leaked or 0)

    def score(self, metric: str) -> float | None:
        """This row's value of one of METRICS, or None where the row has no score.

        ``judge_leakage`` and ``carried_reward`` are known too. A row with scores can lack one of SPARSE.
        """
        if self.status == "infrastructure_error":
            return None
        match metric:
            case "joint":
                if self.quality is None:
                    return None
                return float(self.quality == 1 and self.leaked == 0 and self.status == "scored")
            case "verbatim_leakage" | "judge_leakage":
                found = self.verbatim_leaked if metric == "verbatim_leakage" else self.judge_leaked
                return leakage(found or 0, self.units)
            case "carried_reward":
                if self.quality is None or self.leakage is None:
                    return None
                if self.status == "program_error":
                    return 0.0
                return carried_reward(self.quality, self.leakage, self.carried, units=self.units)
            case "errors":
                return float(self.status == "program_error")
            case "quality" | "leakage" | "overall" | "carried":
                value: float | None = getattr(self, metric)
                return value
        raise KeyError(metric)
