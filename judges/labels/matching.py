"""Matching: which of people's labels count for a run, and what they say of its rows.

A label counts where the run's row has the same texts, by their keyed hashes. An estimate for the whole takes the rows
that were drawn at random, and of these the first ones of the order without a gap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from statistics import fmean

from judges.labels.drawing import order
from judges.labels.hashing import Hashes
from judges.labels.label import Label
from papillon.results.rows import Row

__all__ = ["Answers", "Matched", "Sample", "current", "match", "sample"]

RowKey = tuple[str, int]
#: What people say of a row: ``quality`` and ``leakage``, each in 0..1, None where nobody could tell.
Answers = dict[str, float | None]


def current(labels: Iterable[Label]) -> list[Label]:
    """The labels that hold: of each person about each row and its texts the last one, unless it was taken back."""
    last: dict[object, Label] = {}
    for label in labels:
        last[label.by, label.row, label.hashes] = label
    return [label for label in last.values() if not label.undone]


@dataclass(frozen=True)
class Matched:
    """The labels that count for a run, those of rows that have other ``texts`` now, and those of ``vanished`` rows.

    ``vanished`` are rows of the same data that the run does not have; ``foreign`` counts labels of other data.
    """

    labels: tuple[Label, ...] = ()
    texts: tuple[Label, ...] = ()
    vanished: tuple[Label, ...] = ()
    foreign: int = 0

    @property
    def answers(self) -> dict[RowKey, Answers]:
        """What people say of each labelled row: the mean of those who could tell, so that who differ count half."""
        return _answers(self.labels)

    def said(self) -> str:
        """How many labels count and why the others do not, as one sentence."""
        others = (
            (len(self.texts), "given for other texts than the row has now"),
            (len(self.vanished), "of rows that this run does not have"),
            (self.foreign, "of other data"),
        )
        total = len(self.labels) + sum(number for number, _ in others)
        why = ", ".join(f"{number} {words}" for number, words in others if number)
        return f"{len(self.labels)} of {total} labels count for this run{f': {why} do not' if why else ''}."


def match(labels: Iterable[Label], hashes: Mapping[RowKey, Hashes], data: str) -> Matched:
    """Sort labels by whether they count for a run over the data of that sha256, whose rows have those ``hashes``."""
    found: dict[str, list[Label]] = defaultdict(list)
    for label in current(labels):
        own = hashes.get(label.row)
        if not data.startswith(label.data):
            found["foreign"].append(label)
        elif own is None:
            found["vanished"].append(label)
        else:
            found["labels" if own == label.hashes else "texts"].append(label)
    return Matched(tuple(found["labels"]), tuple(found["texts"]), tuple(found["vanished"]), len(found["foreign"]))


@dataclass(frozen=True)
class Sample:
    """The rows of a split that are labelled from the first draw on: ``answers`` by id and trial, in their order.

    ``of`` is how many groups there are to draw, ``seed`` what made the order. ``left_out`` counts the split's labelled
    rows that are not in it: picked by hand, drawn by another seed, or after a gap.
    """

    answers: Mapping[RowKey, Answers] = field(default_factory=dict)
    of: int = 0
    seed: int = 0
    left_out: int = 0


def sample(rows: Sequence[Row], split: str, matched: Matched) -> Sample:
    """The sample that the labels of a run make; of several seeds that with the most draws, the least seed first."""
    by_seed: dict[int, list[Label]] = defaultdict(list)
    for label in matched.labels:
        if label.drawn.how == "random":
            by_seed[label.drawn.seed].append(label)
    inside = {row.id for row in rows if row.split == split}
    labelled = {label.row for label in matched.labels if label.id in inside}
    best = Sample(of=len(order(rows, split, 0)), left_out=len(labelled))
    for seed, labels in sorted(by_seed.items()):
        draws = order(rows, split, seed)
        answers = _answers(labels)
        taken = list(takewhile(answers.__contains__, (draw.row for draw in draws)))
        if len(taken) > len(best.answers):
            best = Sample({row: answers[row] for row in taken}, len(draws), seed, len(labelled) - len(taken))
    return best


def _answers(labels: Iterable[Label]) -> dict[RowKey, Answers]:
    by_row: dict[RowKey, list[Label]] = defaultdict(list)
    for label in labels:
        by_row[label.row].append(label)
    return {
        row: {"quality": _mean(each.good for each in own), "leakage": _mean(each.leaked for each in own)}
        for row, own in by_row.items()
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None
