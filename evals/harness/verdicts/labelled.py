"""Labelled rows: what a split's rows and people's labels of some of them come to, metric by metric.

Pure. Which labels count for a run, and which of them stand for the rest, is :mod:`judges.labels`' matter; the
arithmetic is ``corrected``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from evals.harness.verdicts.corrected import Estimate, JudgedRow, estimate, unknown_groups
from evals.harness.verdicts.scores import scores_of
from papillon.results.correction import Correction
from papillon.results.judging import Measure
from papillon.results.rows import Row

__all__ = ["CORRECTED", "LEAST_LABELS", "Answers", "Corrected", "correction", "judged_rows", "measure", "too_early"]

Corrected = Literal["quality", "leakage", "overall"]
CORRECTED: tuple[Corrected, ...] = get_args(Corrected)
#: People's answers by id and trial: quality and leakage in 0..1, None where nobody could tell.
Answers = Mapping[tuple[str, int], Mapping[str, float | None]]
#: With fewer labelled groups nothing is inferred from them.
LEAST_LABELS = 10


def correction(rows: Sequence[Row], metric: Corrected, answers: Answers, yet: str = "") -> Correction | None:
    """One split's metric by judge, by labels alone and corrected; None where no row has a score in it.

    ``yet`` says why no figure may rest on these labels yet, ``""`` where one may.
    """
    rows = [row for row in rows if row.score(metric) is not None]
    if not rows:
        return None
    judged = judged_rows(rows, metric, answers)
    early = yet or too_early(judged)
    labels = corrected = None
    ends: list[float | None] = [None, None]
    unsure = sum(
        not each.known and each.label is None and (row.id, row.trial) in answers
        for row, each in zip(rows, judged, strict=True)
    )
    if not yet and len(_labelled(judged)) >= LEAST_LABELS:
        labels = measure(estimate(judged, judged=False))
    if not early:
        corrected = measure(estimate(judged))
    if corrected and unsure:
        filled = (judged_rows(rows, metric, _filled(answers, good)) for good in (True, False))
        ends = [*sorted(round(estimate(each).value, 6) for each in filled)]
    return Correction(
        split=rows[0].split,
        metric=metric,
        judge=scores_of(rows, [metric])[metric],
        labels=labels,
        corrected=corrected,
        labelled=len(_labelled(judged)),
        of=len(unknown_groups(judged)),
        unsure=unsure,
        least=ends[0],
        most=ends[1],
        early=early,
    )


def judged_rows(rows: Sequence[Row], metric: Corrected, answers: Answers) -> list[JudgedRow]:
    """The rows with a score in ``metric``, each with its label where it has one.

    A program error's score, and the leakage of a row without units, are known without anybody's judgement; the latter
    is the label too, where somebody was asked about the row. A label of leakage is never less than what stands verbatim
    in the row's request, as the judge's score is not.
    """
    trials = Counter(row.id for row in rows if row.score(metric) is not None)
    found = []
    for row in rows:
        if (score := row.score(metric)) is None:
            continue
        drawable = row.status == "scored"
        known = not drawable or (metric == "leakage" and not row.units)
        answer = answers.get((row.id, row.trial)) if drawable else None
        label = None if answer is None else score if known else _label(row, metric, answer)
        found.append(JudgedRow(row.group, score, label, 1 / trials[row.id], known, drawable))
    return found


def _label(row: Row, metric: Corrected, answer: Mapping[str, float | None]) -> float | None:
    quality, leakage = answer.get("quality"), answer.get("leakage") if row.units else 0.0
    if leakage is not None:
        leakage = max(leakage, row.score("verbatim_leakage") or 0.0)
    if metric != "overall":
        return quality if metric == "quality" else leakage
    return None if quality is None or leakage is None else (quality + 1 - leakage) / 2


def too_early(rows: Sequence[JudgedRow]) -> str:
    """Why these rows' labels are too few to correct the judge by, or ``""``."""
    labelled = [row for row in rows if row.labelled]
    if (groups := len(_labelled(rows))) < LEAST_LABELS:
        has = "has a label" if groups == 1 else "have a label"
        return f"{groups or 'no'} independent {'row' if groups == 1 else 'rows'} {has}, and {LEAST_LABELS} are needed"
    if len({row.judge for row in labelled}) == 1:
        return f"the judge gives all {groups} labelled rows the same score, so they cannot show how it errs"
    return ""


def measure(seen: Estimate) -> Measure:
    """An estimate as the results file has it; beyond 6 places two machines may differ."""
    return Measure(round(seen.value, 6), round(seen.low, 6), round(seen.high, 6), seen.labelled)


def _labelled(rows: Sequence[JudgedRow]) -> set[str]:
    """The groups that have a label, each of which is one independent label."""
    return {row.group for row in rows if row.labelled}


def _filled(answers: Answers, good: bool) -> Answers:
    """The answers with each "cannot tell" as good, or as bad, as can be."""
    ends = {"quality": float(good), "leakage": float(not good)}
    return {
        row: {name: ends[name] if value is None else value for name, value in answer.items()}
        for row, answer in answers.items()
    }
