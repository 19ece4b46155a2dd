"""Correction: a split's metric by the judge, by people's labels alone and by both, as the results file has it.

What rows and labels come to such figures by is the harness's verdicts' matter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from papillon.reading import read
from papillon.results.judging import Measure
from papillon.results.ranges import Count, Share

__all__ = ["LABELS_SAID", "Assumed", "Correction", "RowLabel"]

#: How the remark of a run begins that says how many labels count.
LABELS_SAID = "People's labels:"


@dataclass(frozen=True)
class RowLabel:
    """What people say of one row: ``quality`` and ``leakage``, each in 0..1, None where nobody could tell.

    Only rows that stand for the whole by their random order are here; those picked by hand are not.
    """

    id: str
    trial: Count
    quality: Share | None
    leakage: Share | None


@dataclass(frozen=True)
class Assumed:
    """A figure for a run without enough labels of its own, assuming that its judge errs in it as it did in other runs.

    ``n`` counts the labels of those runs; ``sensitivity`` is how much of what people find the judge finds there,
    ``specificity`` how much of the rest it leaves alone. ``value`` is None, and ``why`` says so, where the judge's
    answers hardly follow the labels, so that nothing can be inferred.
    """

    value: float | None
    low: float | None
    high: float | None
    n: Count
    sensitivity: Share
    specificity: Share
    why: str = ""


@dataclass(frozen=True)
class Correction:
    """One metric of one split, by the ``judge`` over all examples, by ``labels`` alone, and ``corrected`` by them.

    The latter two are None where it is too ``early`` for them, and that says why. Their ``n`` is ``labelled``, the
    number of independent labels, of ``of`` that could be had; ``unsure`` rows were labelled "cannot tell" and left out:
    were all of these as low or as high as can be, the figure would be ``least`` or ``most``.
    """

    split: str
    metric: Literal["quality", "leakage", "overall"]
    judge: Measure
    labels: Measure | None
    corrected: Measure | None
    labelled: Count
    of: Count
    unsure: Count = 0
    least: float | None = None
    most: float | None = None
    early: str = ""
    assumed: Assumed | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Correction:
        """The other way; raises :class:`papillon.reading.Unreadable`."""
        return read(cls, data)
