"""Gates: what was asked of a split or of the judge, and the verdict, as the results file has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from papillon.reading import read
from papillon.results.ranges import Count, Difference, Share

__all__ = ["Flip", "Gain", "GateResult", "GateVerdict"]

GateVerdict = Literal["pass", "fail", "inconclusive", "deferred"]


@dataclass(frozen=True)
class Flip:
    """An example whose score differs between two runs; both scores are means over its trials."""

    id: str
    before: Share
    after: Share

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Gain:
    """The program's mean paired gain in ``overall`` over never delegating, -1..1, with its 95% interval; None
    without a pair. ``n`` counts examples, ``groups`` those that are independent."""

    split: str
    value: Difference | None
    low: Difference | None
    high: Difference | None
    n: Count
    groups: Count


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict as the results file has it; ``value`` with its 95% interval ``low`` .. ``high``.

    In a regression these are the change of the metric, ``after`` − ``before``. ``n`` counts examples, ``groups``
    those that are independent; where it is ``corrected`` by people's labels, both count independent labels.
    ``smallest`` is the smallest difference that it could have seen, ``default`` whether nobody asked for it. ``note``
    is a sentence for people, ``flipped`` what a regression saw change. Interval and ``smallest`` are rounded to 6
    places, beyond which two machines may differ.
    """

    kind: Literal["threshold", "regression", "judge"]
    split: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: Count
    groups: Count
    verdict: GateVerdict
    min: float | None = None
    max: float | None = None
    baseline: str | None = None
    max_drop: float | None = None
    note: str = ""
    flipped: tuple[Flip, ...] = ()
    before: float | None = None
    after: float | None = None
    smallest: float | None = None
    default: bool = False
    corrected: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high", "smallest"):
            figure = getattr(self, name)
            if figure is not None:
                object.__setattr__(self, name, round(figure, 6))

    def to_json(self) -> dict[str, Any]:
        """The contract's object: its bound alone among the optional keys, with words and flips."""
        asked = {name: getattr(self, name) for name in ("min", "max", "baseline", "max_drop")}
        data: dict[str, Any] = {
            "kind": self.kind,
            "split": self.split,
            "metric": self.metric,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "groups": self.groups,
            **{name: bound for name, bound in asked.items() if bound is not None},
            "verdict": self.verdict,
            "note": self.note,
        }
        data |= {flag: True for flag in ("default", "corrected") if getattr(self, flag)}
        if self.kind == "regression" or self.flipped:
            data["flipped"] = [flip.to_json() for flip in self.flipped]
        return data

    def entry(self) -> dict[str, Any]:
        """The results file's entry: the contract's object, and what only its views show, where it is there."""
        more = {name: getattr(self, name) for name in ("before", "after", "smallest")}
        return self.to_json() | {name: figure for name, figure in more.items() if figure is not None}

    @classmethod
    def from_json(cls, data: object) -> GateResult:
        """The other way, from either form; raises :class:`papillon.reading.Unreadable`."""
        return read(cls, data)
