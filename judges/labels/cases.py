"""Cases: rows that people labelled, as cases of their own kind on which a judge is tested beside the written ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    """The cases that labels make, those that hold, of rows with those ``texts``: one for each question about a row.

    A row that was labelled again after its request changed is one case of quality, by each person's last answer.
    A row without its texts, of which nobody could tell, or on which people differ is none. Nor is one without a target
    for quality, or without a unit or a request for leakage; such rows are no question to a judge, and not counted.
    """
    labels = list(labels)
    left: dict[str, Counter[str]] = {"leakage": Counter(), "quality": Counter()}
    quality = [
        QualityCase(name, PEOPLE, trace.query, trace.response, trace.target, verdict)
        for name, trace, verdict in _answered(
            [(each, each.quality) for each in labels if each.quality],
            lambda hashed: (hashed.answer, hashed.query, hashed.target),
            texts,
            left["quality"],
        )
    ]
    leakage = [
        LeakageCase(name, PEOPLE, trace.units, "\n\n".join(trace.requests), flags, (PEOPLE,) * len(trace.units))
        for name, trace, flags in _answered(
            [(each, each.leakage) for each in labels if each.leakage != ()],
            lambda hashed: (hashed.request, hashed.units),
            texts,
            left["leakage"],
        )
        if any(trace.requests)
    ]
    counted = {name: dict(sorted(why.items())) for name, why in left.items()}
    return LabelledCases(tuple(leakage), tuple(quality), counted)


def _answered(
    given: Sequence[tuple[Label, Any]],
    question: Callable[[Hashes], tuple[str, ...]],
    texts: Mapping[tuple[tuple[str, int], Hashes], Trace],
    left: Counter[str],
) -> Iterator[tuple[str, Trace, Any]]:
    """Each question's name, texts and one answer; ``left`` counts those that have none, by why."""
    asked: dict[tuple[tuple[str, int], tuple[str, ...]], dict[str | None, Any]] = defaultdict(dict)
    found: dict[object, Trace] = {}
    for label, answer in given:
        about = label.row, question(label.hashes)
        asked[about][label.by] = answer
        if (trace := texts.get((label.row, label.hashes))) is not None:
            found[about] = trace
    seen = Counter(row for row, _ in asked)
    for (row, what), by_person in sorted(asked.items(), key=lambda each: each[0][0]):
        answers = set(by_person.values()) - {"cannot tell", None}
        if why := _why_not(found.get((row, what)), len(answers)):
            left[why] += 1
            continue
        name = row[0] if row[1] == 0 else f"{row[0]} trial {row[1]}"
        # Labelled with several answers, or several requests.
        yield name if seen[row] == 1 else f"{name} ({what[0][:4]})", found[row, what], answers.pop()


def _why_not(trace: Trace | None, answers: int) -> str:
    """Why a row is no case, or ``""``."""
    if trace is None:
        return "its texts are in no run's folder"
    return {0: "nobody could tell", 1: ""}.get(answers, "people differ")
