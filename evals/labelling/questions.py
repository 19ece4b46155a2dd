"""Questions: what a person is asked about one row, blind to which reply is the program's, and what an answer means."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

from judges.labels.label import QualityLabel
from papillon.results.traces import Trace
from papillon.screen import visible

__all__ = ["Answer", "Choice", "Questions", "Unanswerable"]

#: What may be said of A beside B.
Choice = Literal["A", "same", "B", "cannot tell"]
CHOICES: tuple[Choice, ...] = ("A", "same", "B", "cannot tell")


class Unanswerable(ValueError):
    """An answer that is none to this row's questions; says in words what was expected."""


@dataclass(frozen=True)
class Answer:
    """What a person said of a row: of A beside B, None where that is not asked, and of each unit whether the requests
    give it away, None for cannot tell."""

    choice: Choice | None
    leakage: tuple[bool, ...] | None
    comment: str = field(default="", repr=False)

    @classmethod
    def of(cls, data: object) -> Answer:
        """The answer in a JSON object; Unanswerable where it is of another form."""
        if not isinstance(data, dict) or data.get("choice") not in (None, *CHOICES):
            raise Unanswerable(f"expected a choice of {', '.join(CHOICES)}")
        leakage, comment = data.get("leakage"), data.get("comment", "")
        if leakage is not None and not (isinstance(leakage, list) and all(type(flag) is bool for flag in leakage)):
            raise Unanswerable("expected one yes or no for each unit")
        if not isinstance(comment, str):
            raise Unanswerable("expected a comment that is a text")
        return cls(data.get("choice"), None if leakage is None else tuple(leakage), comment)


@dataclass(frozen=True)
class Questions:
    """The questions of one row; ``answer_first`` says that the program's answer stands at A.

    A row without a target is not asked which reply is better, one whose program sent nothing not what that gave away.
    """

    trace: Trace = field(repr=False)
    answer_first: bool

    @classmethod
    def of(cls, trace: Trace, seed: int, by: str | None) -> Questions:
        """The row's, with the places drawn by the seed, for each person and row anew."""
        lot = hashlib.sha256("\0".join(("places", str(seed), by or "", trace.id, str(trace.trial))).encode())
        return cls(trace, lot.digest()[0] % 2 == 0)

    @property
    def of_quality(self) -> bool:
        """Whether there is a target to lay the answer beside."""
        return bool(self.trace.target.strip())

    @property
    def of_leakage(self) -> bool:
        """Whether there is something to give away, and something that could."""
        return bool(self.trace.units and any(self.trace.requests))

    def shown(self) -> dict[str, Any]:
        """What the person sees, harmless on a screen: nothing says which row it is, or whose the replies are."""
        replies = [self.trace.response, self.trace.target]
        a, b = replies if self.answer_first else replies[::-1]
        return {
            "query": visible(self.trace.query),
            "replies": [visible(a), visible(b)] if self.of_quality else None,
            "requests": [visible(request) for request in self.trace.requests],
            "units": [visible(unit, one_line=True) for unit in self.trace.units] if self.of_leakage else [],
        }

    def label(self, answer: Answer) -> tuple[QualityLabel | None, tuple[bool, ...] | None]:
        """What an answer says of the program's answer and of each unit; Unanswerable where it does not fit the row."""
        if (answer.choice is None) is self.of_quality:
            raise Unanswerable("expected a choice where there are two replies, and none elsewhere")
        if not self.of_leakage:
            return self._quality(answer.choice), (False,) * len(self.trace.units)
        if answer.leakage is not None and len(answer.leakage) != len(self.trace.units):
            raise Unanswerable(f"expected {len(self.trace.units)} units with yes or no, got {len(answer.leakage)}")
        return self._quality(answer.choice), answer.leakage

    def _quality(self, choice: Choice | None) -> QualityLabel | None:
        if choice is None or choice == "cannot tell":
            return choice
        if choice == "same":
            return "tie"
        return "better" if (choice == "A") is self.answer_first else "worse"
