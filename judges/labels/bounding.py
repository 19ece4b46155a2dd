"""Bounding: what stands word for word in a row's requests is given away, whatever a person ticks.

The judge's count is bounded so too; the labels of a file stay as they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from judges.labels.label import Label
from papillon.leaks import verbatim
from papillon.results.traces import Trace

__all__ = ["bounded", "standing"]


def standing(trace: Trace) -> tuple[bool, ...]:
    """For each of the row's units, whether it stands in its requests."""
    return verbatim(trace.units, "\n\n".join(trace.requests))


def bounded(label: Label, there: Sequence[bool]) -> Label:
    """The label with every unit given away that is ``there``; one of cannot tell is left so."""
    if label.leakage is None:
        return label
    return replace(label, leakage=tuple(map(max, label.leakage, there)))
