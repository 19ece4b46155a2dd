"""Judging: how far a judge can be believed, as figures: on labelled cases, and beside another judge on the same rows.

What answers come to such figures by is :mod:`judges.calibration`'s and :mod:`judges.agreement`'s.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from papillon.reading import read
from papillon.results.ranges import Count

__all__ = ["Agreement", "JudgeReport", "Measure"]


@dataclass(frozen=True)
class Measure:
    """A figure with its 95% interval and ``n``, the judgements that it rests on.

    ``value`` is None where the answers do not define it; ``low`` and ``high`` are None where no
    interval is given.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: Count = 0


@dataclass(frozen=True)
class JudgeReport:
    """How a judge did on one set of cases.

    ``failed`` are the ids of cases without an answer, which count in no measure, and ``causes`` says why, one for each
    of them; ``wrong`` those judged against their label. ``kinds`` gives, for each kind of case, how many were judged
    right and how many were judged; ``hows`` the same for units, by how they stand in the request, where the judge
    answers per unit. ``bars`` is how many bounds the profile sets for the measures. ``source`` says whether the cases
    were written for this, or are rows that people labelled; of such rows ``left_out`` counts those that are no case, by
    why.
    """

    subject: Literal["leakage", "quality"]
    cases: Count
    failed: tuple[str, ...]
    wrong: tuple[str, ...]
    measures: dict[str, Measure]
    kinds: dict[str, tuple[int, int]]
    hows: dict[str, tuple[int, int]]
    causes: tuple[str, ...] = ()
    bars: Count = 0
    source: Literal["written", "people"] = "written"
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the judge was tested on, in words."""
        return self.subject if self.source == "written" else f"{self.subject} of rows that people labelled"

    def to_json(self) -> dict[str, Any]:
        return {name: _listed(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: object) -> JudgeReport:
        """The other way; raises :class:`papillon.reading.Unreadable`."""
        return read(cls, data)


@dataclass(frozen=True)
class Agreement:
    """How far two judges of the same scored rows agree; intervals count a row's group once.

    ``quality`` and ``count`` are the shares of rows with the same quality, and with the same count of leaks;
    ``quality_kappa`` and ``leak_kappa`` are Cohen's, the latter on any leak or none; ``count_difference`` is the
    mean absolute difference of the counts, in units. The three about leaks are over rows with units.
    """

    rows: Count
    quality: Measure
    quality_kappa: Measure
    count: Measure
    leak_kappa: Measure
    count_difference: Measure

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _listed(data: Any) -> Any:
    """JSON has lists where Python has tuples; the two must compare as equal."""
    if isinstance(data, dict):
        return {name: _listed(value) for name, value in data.items()}
    return [_listed(value) for value in data] if isinstance(data, (list, tuple)) else data
