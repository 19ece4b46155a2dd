"""Controls: what came of the programs whose scores are known beforehand, as the results file has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from papillon.results.ranges import Count, Share

__all__ = ["ControlResult", "ControlVerdict"]

ControlVerdict = Literal["pass", "fail", "inconclusive", "deferred"]


@dataclass(frozen=True)
class ControlResult:
    """One control on one split: means over the rows that have scores, each in 0..1, None without any.

    ``judge_leakage`` is by the judge's own count, whatever stands there verbatim; ``carried`` how much of the task was
    sent, over the rows whose data say what that is. ``note`` is a sentence for people;
    ``unscored`` counts the selected examples without a score, ``causes`` says why, each once.
    """

    name: str
    split: str
    quality: Share | None
    leakage: Share | None
    judge_leakage: Share | None
    verbatim_leakage: Share | None
    carried: Share | None = field(default=None, kw_only=True)  # an older file has none
    overall: Share | None
    verdict: ControlVerdict
    note: str = ""
    unscored: Count = 0
    causes: tuple[str, ...] = ()

    @property
    def targetless(self) -> bool:
        """Whether its rows have scores, and none that rests on a target."""
        return self.leakage is not None and self.quality is None

    def to_json(self) -> dict[str, Any]:
        """The contract's object: the figures and the verdict."""
        return {key: value for key, value in asdict(self).items() if key not in ("note", "unscored", "causes")}

    def noted(self) -> dict[str, Any]:
        """What only its views show; the results file has it beside the contract's objects."""
        said = {"note": self.note, "unscored": self.unscored, "causes": list(self.causes)}
        return {"name": self.name, "split": self.split, **said}
