"""Cases: rows that people labelled, as cases of their own kind on which a judge is tested beside the written ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from judges.cases import PEOPLE, LeakageCase, QualityCase
from judges.labels.hashing import Hashes
from judges.labels.label import Label
from papillon.results.traces import Trace

__all__ = ["LabelledCases", "labelled_cases"]


@dataclass(frozen=True)
class LabelledCases:
    """The cases of each question; ``left_out`` counts the labelled rows that are none for it, by why."""

    leakage: tuple[LeakageCase, ...] = field(default=(), repr=False)
    quality: tuple[QualityCase, ...] = field(default=(), repr=False)
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def labelled_cases(labels: Iterable[Label], texts: Mapping[tuple[tuple[str, int], Hashes], Trace]) -> LabelledCases:
    """The cases that labels make, those that hold, of rows with those ``texts``; one case a row.

    A row without its texts, of which nobody could tell, or on which people differ is none. Nor is one without a target
    for quality, or without a unit or a request for leakage; such rows are no question to a judge, and not counted.
    """
    by_row: dict[tuple[tuple[str, int], Hashes], list[Label]] = defaultdict(list)
    for label in labels:
        by_row[label.row, label.hashes].append(label)
    leakage, quality = list[LeakageCase](), list[QualityCase]()
    left: dict[str, Counter[str]] = {"leakage": Counter(), "quality": Counter()}
    seen = Counter(row for row, _ in by_row)
    for (row, hashed), own in sorted(by_row.items(), key=lambda each: each[0][0]):
        trace = texts.get((row, hashed))
        name = row[0] if row[1] == 0 else f"{row[0]} trial {row[1]}"
        name = name if seen[row] == 1 else f"{name} ({hashed.answer[:4]})"  # labelled with several answers
        if any(label.quality for label in own):
            verdicts = {label.quality for label in own} - {"cannot tell", None}
            if why := _why_not(trace, len(verdicts)):
                left["quality"][why] += 1
            elif trace is not None:
                (verdict,) = verdicts
                quality.append(QualityCase(name, PEOPLE, trace.query, trace.response, trace.target, verdict))  # type: ignore[arg-type]
        if any(label.leakage for label in own) or any(label.leakage is None for label in own):
            flags = {label.leakage for label in own} - {None}
            if why := _why_not(trace, len(flags)):
                left["leakage"][why] += 1
            elif trace is not None and any(trace.requests):
                (leaks,) = flags
                hows = (PEOPLE,) * len(trace.units)
                sent = "\n\n".join(trace.requests)
                leakage.append(LeakageCase(name, PEOPLE, trace.units, sent, leaks or (), hows))
    counted = {name: dict(sorted(why.items())) for name, why in left.items()}
    return LabelledCases(tuple(leakage), tuple(quality), counted)


def _why_not(trace: Trace | None, answers: int) -> str:
    """Why a row is no case, or ``""``."""
    if trace is None:
        return "its texts are in no run's folder"
    return {0: "nobody could tell", 1: ""}.get(answers, "people differ")
