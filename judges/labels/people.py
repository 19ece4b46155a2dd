"""People: how far two persons who labelled the same rows agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from judges.agreement import kappa
from judges.labels.label import Label
from papillon.results.judging import Measure

__all__ = ["PeopleAgreement", "people_agreement"]


@dataclass(frozen=True)
class PeopleAgreement:
    """Cohen's kappa of two persons over the ``rows`` that both labelled, answers of cannot tell left out.

    ``quality``: is the answer at least as good as the target; ``leakage``: is this unit given away.
    """

    one: str | None
    other: str | None
    rows: int
    quality: Measure
    leakage: Measure


def people_agreement(labels: Iterable[Label]) -> list[PeopleAgreement]:
    """The agreement of every two persons with rows in common; ``labels`` are those that hold, of one run's texts."""
    by_person: dict[str | None, dict[object, Label]] = defaultdict(dict)
    for label in labels:
        by_person[label.by][label.row, label.hashes] = label
    found = []
    for one, other in combinations(sorted(by_person, key=lambda name: name or ""), 2):
        shared = [(mine, by_person[other][row]) for row, mine in by_person[one].items() if row in by_person[other]]
        if not shared:
            continue
        quality = [(a.good, b.good, a.id) for a, b in shared if a.good is not None and b.good is not None]
        leakage = [
            (said, also, a.id) for a, b in shared for said, also in zip(a.leakage or (), b.leakage or (), strict=False)
        ]
        found.append(PeopleAgreement(one, other, len(shared), kappa(quality), kappa(leakage)))
    return found
