"""Closing: what a sitting came to, as sentences; not a figure before the number is reached that was fixed before."""

from __future__ import annotations

from collections.abc import Sequence

from evals.labelling.sitting import Sitting
from judges.labels.label import Label
from judges.labels.people import people_agreement
from papillon.results.judging import Measure
from papillon.results.words import between, counted, number

__all__ = ["closing"]


def closing(sitting: Sitting, others: Sequence[Label]) -> list[str]:
    """How far the person came; at the end what their labels say, and their agreement with ``others``, labels of other
    people that count for the same run."""
    labels, of = sitting.labels, len(sitting.draws)
    done = f"{len(labels)} of {of} rows are labelled in {sitting.file.path}"
    if sitting.left:
        return [f"{done}; figures come when all are."]
    said = [f"{done}."]
    weights = {draw.row: draw.weight for draw in sitting.draws}
    for what, values in (
        ("quality", [(label, label.good) for label in labels if label.quality is not None]),
        ("leakage", [(label, label.leaked) for label in labels]),
    ):
        told = [(float(value), weights[label.row]) for label, value in values if value is not None]
        if told:
            mean = sum(value * weight for value, weight in told) / sum(weight for _, weight in told)
            unsure = len(values) - len(told)
            said.append(
                f"By these labels alone, {what} is {number(mean)}, from {counted(len(told), 'row')}"
                f"{f'; {unsure} could not be told' if unsure else ''}."
            )
    for pair in people_agreement([*labels, *others]):
        if sitting.by in (pair.one, pair.other):
            other = pair.other if pair.one == sitting.by else pair.one
            said.append(
                f"{other or 'Somebody without a name'} labelled {pair.rows} of these; agreement beyond chance, kappa: "
                f"quality {_told(pair.quality)}, leaked units {_told(pair.leakage)}."
            )
    return [*said, f"Evaluate with --eval-labels {sitting.file.path} to lay them beside the judge."]


def _told(kappa: Measure) -> str:
    return "not known yet" if kappa.value is None else between(kappa)
