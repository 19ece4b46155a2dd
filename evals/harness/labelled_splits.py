"""Labelled splits: what people say of a split's rows, and whether a figure may rest on it yet.

Who looks at figures while he labels could stop where they please him. So a number of rows is fixed before the first
answer, and nothing is shown before it is reached; who goes on fixes the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from evals.harness.verdicts.labelled import Answers
from judges.labels.drawing import order
from judges.labels.matching import Matched, Sample, sample
from papillon.results import Row

__all__ = ["SplitLabels", "split_labels"]


@dataclass(frozen=True)
class SplitLabels:
    """People's answers by id and trial; ``yet`` says why no figure may rest on them yet, ``""`` where one may.

    ``left_out`` counts the split's labelled rows that are not among them.
    """

    answers: Answers = field(default_factory=dict)
    yet: str = ""
    left_out: int = 0

    def left_out_said(self, split: str) -> str:
        """Why labelled rows are left out, as a sentence; ``""`` where none are, or where ``yet`` says it."""
        if self.yet or not self.left_out:
            return ""
        rows = "1 labelled row of it stands" if self.left_out == 1 else f"{self.left_out} labelled rows of it stand"
        return (
            f"Of {split}, {len(self.answers)} make the figures; {rows} beyond a row without a label or beyond the last "
            "number reached, or were drawn by another seed or by hand."
        )


def split_labels(rows: Sequence[Row], split: str, matched: Matched) -> SplitLabels:
    """The labelled rows of a split that stand for all of its scored ones, up to the last fixed number reached."""
    drawn = sample(rows, split, matched)
    labelled = drawn.left_out + len(drawn.answers)
    fixed: dict[tuple[str, int], int] = {}
    for label in matched.labels:
        if label.drawn.how == "random" and label.drawn.seed == drawn.seed:
            fixed[label.row] = max(label.drawn.until, fixed.get(label.row, 0))
    places, reached, aim = list(drawn.answers), 0, 0
    while reached < len(places):
        aim = min(max(fixed[places[reached]], reached + 1), drawn.of)
        if aim > len(places):
            break
        reached = aim
    if reached:
        return SplitLabels(dict(islice(drawn.answers.items(), reached)), left_out=labelled - reached)
    return SplitLabels(drawn.answers, _yet(rows, split, matched, drawn, aim), drawn.left_out)


def _yet(rows: Sequence[Row], split: str, matched: Matched, drawn: Sample, aim: int) -> str:
    """Why no figure may rest on the labels of a split's rows, of which ``aim`` were fixed; ``""`` where it has none."""
    inside = {row.id for row in rows if row.split == split}
    labels = [label for label in matched.labels if label.drawn.how == "random" and label.id in inside]
    if not labels:
        return ""
    seed = drawn.seed if drawn.answers else min(label.drawn.seed for label in labels)
    labelled = {label.row for label in labels if label.drawn.seed == seed}
    if labelled - drawn.answers.keys():
        place = next((n for n, draw in enumerate(order(rows, split, seed), 1) if draw.row not in labelled), 0)
        stand = "1 labelled row stands" if len(labelled) == 1 else f"{len(labelled)} labelled rows stand"
        return f"row {place} of the random order has no label that counts, so the {stand} for no others"
    has, missing = len(labelled), aim - len(labelled)
    if gone := len({label.row for label in matched.vanished if label.id.startswith(f"{split}-")}):
        return (
            f"{has} labelled {'row is' if has == 1 else 'rows are'} in this run and {gone} are not, and a part of what "
            "was fixed stands for no others"
        )
    return (
        f"{has} of the {aim} rows fixed before the first answer {'is' if has == 1 else 'are'} labelled, "
        f"{missing} {'is' if missing == 1 else 'are'} missing"
    )
