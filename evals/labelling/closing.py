"""Closing: what a sitting came to, as sentences; not a figure before the number is reached that was fixed before."""

from __future__ import annotations

from collections.abc import Sequence

from evals.harness.labelled_splits import split_labels
from evals.harness.verdicts.labelled import correction
from evals.labelling.sitting import Sitting
from judges.labels.bounding import bounded, standing
from judges.labels.matching import Matched
from judges.labels.people import people_agreement
from papillon.results.correction import Correction
from papillon.results.judging import Measure
from papillon.results.rows import Row
from papillon.results.words import between, counted

__all__ = ["closing"]


def closing(sitting: Sitting, rows: Sequence[Row]) -> list[str]:
    """How far the person came; at the end what their labels alone say of all ``rows``, as a run's summary has it, and
    their agreement with other people who labelled rows of these."""
    labels, of = sitting.labels, len(sitting.draws)
    done = f"{len(labels)} of {of} rows are labelled in {sitting.file.path}"
    if sitting.left:
        return [f"{done}; figures come when all are."]
    if yet := split_labels(rows, rows[0].split, Matched((*labels, *sitting.beyond))).yet:
        return [f"{done}; no figures yet: {yet}."]
    answers = Matched(tuple(bounded(label, standing(sitting.texts[label.row])) for label in labels)).answers
    said = [f"{done}."]
    for metric in ("quality", "leakage"):
        if (seen := correction(rows, metric, answers)) is not None:
            said.append(_figure(seen))
    for pair in people_agreement([*labels, *sitting.others]):
        if sitting.by in (pair.one, pair.other):
            other = pair.other if pair.one == sitting.by else pair.one
            said.append(
                f"{other or 'Somebody without a name'} labelled {pair.rows} of these; agreement beyond chance, kappa: "
                f"quality {_told(pair.quality)}, leaked units {_told(pair.leakage)}."
            )
    return [*said, f"Evaluate with --eval-labels {sitting.file.path} to lay them beside the judge."]


def _figure(seen: Correction) -> str:
    """What the labels alone say in one metric; nothing where they are too few."""
    if seen.labels is None:
        return f"These labels are too few for a figure of {seen.metric}: {seen.early}."
    unsure = f"; {seen.unsure} could not be told" if seen.unsure else ""
    return (
        f"By these labels alone, {seen.metric} is {between(seen.labels)}, from {counted(seen.labelled, 'row')}{unsure}."
    )


def _told(kappa: Measure) -> str:
    return "not known yet" if kappa.value is None else between(kappa)
