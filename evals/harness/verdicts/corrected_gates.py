"""Corrected gates: thresholds on the figure that people's labels correct, and how many labels would decide one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import cast

from evals.harness.verdicts.corrected import Estimate, JudgedRow, estimate, unknown_groups
from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.gates import ALPHA, Threshold, detectable, extent, gate_result, threshold_verdict
from evals.harness.verdicts.labelled import Answers, Corrected, judged_rows, too_early
from evals.harness.verdicts.statistics import Interval, smallest_detectable, z_value
from papillon.results.gates import GateResult
from papillon.results.rows import Row
from papillon.results.words import could_see, number
from papillon.units import UnitsCheck

__all__ = ["judge_corrected", "labels_needed"]


def judge_corrected(
    gate: Threshold,
    rows: Sequence[Row],
    answers: Answers | None,
    *,
    of: int | None = None,
    units: UnitsCheck | None = None,
    yet: str = "",
) -> list[GateResult]:
    """One result for each bound of a gate with ``corrected``; ``answers`` is None where no labels were named, ``yet``
    says why no verdict may rest on them yet.

    It passes where the whole corrected interval clears the bound, fails where it misses it, and is inconclusive in
    between and where the labels are too few. ``n`` and ``groups`` count independent labels.
    """
    rows = [row for row in rows if row.split == gate.split]
    judged = judged_rows(rows, cast(Corrected, gate.metric), answers or {})
    early = yet or too_early(judged)
    missing = lacking(gate.metric, rows, units)
    groups, every = len(unknown_groups(judged)), _all_drawn(judged)
    results = []
    for limit, bound in (("min", gate.min), ("max", gate.max)):
        if bound is None:
            continue
        if early:
            said = _without(gate, early, named=answers is not None, all_of=groups if every else 0)
            result = gate_result("threshold", gate, None, "inconclusive", said, missing)
        else:
            result = _held(gate, judged, limit, bound, missing, extent(len({r.id for r in rows}), of))
        result = replace(result, min=bound if limit == "min" else None, max=bound if limit == "max" else None)
        results.append(replace(result, corrected=True))
    return results


def _without(gate: Threshold, early: str, *, named: bool, all_of: int) -> list[str]:
    if not named:
        return [
            f"{gate.metric} is to be corrected by people's labels, and none were named",
            "make them with papillon label, and name them with --eval-labels FILE.jsonl",
        ]
    advice = "label more rows with papillon label"
    if all_of:
        rows = "the 1 independent row has" if all_of == 1 else f"all {all_of} independent rows have"
        advice = f"{rows} a label: it takes more examples, or a gate on the judge's own figure"
    return [f"{gate.metric} cannot be corrected yet: {early}", advice]


def _held(
    gate: Threshold, judged: Sequence[JudgedRow], limit: str, bound: float, missing: str, part: str
) -> GateResult:
    seen = estimate(judged)
    minimum, maximum = (bound, None) if limit == "min" else (None, bound)
    verdict = threshold_verdict(seen.value, seen.low, seen.high, minimum=minimum, maximum=maximum, confident=True)
    interval = Interval(seen.value, seen.low, seen.high, 0.0, seen.labelled, seen.labelled, 1 - ALPHA)
    smallest = detectable(interval, seen.value < bound)
    said = [
        f"{gate.metric} corrected by {seen.labelled} labels is {number(seen.value)} ({seen.low:.3f} to "
        f"{seen.high:.3f}), {'at least' if limit == 'min' else 'at most'} {bound:g} is asked of the whole interval",
        could_see(smallest),
        part,
    ]
    if verdict == "inconclusive":
        said.append(_deciding(judged, seen, bound))
    return replace(gate_result("threshold", gate, interval, verdict, said, missing), smallest=smallest)


def _deciding(rows: Sequence[JudgedRow], seen: Estimate, bound: float) -> str:
    groups = len(unknown_groups(rows))
    if _all_drawn(rows):
        return f"all {groups} independent rows have a label: it takes more examples"
    needed = labels_needed(rows, seen, bound)
    if needed is not None:
        return f"about {needed} labels would decide it, {needed - seen.labelled} more than there are"
    whole = f"labels of all {groups} independent rows"
    if abs(seen.value - bound) > _side(estimate(_all_labelled(rows)), upwards=seen.value < bound):
        return f"{whole} may just decide it, if they go on as these"
    return f"{whole} would hardly decide it: it takes more examples"


def labels_needed(rows: Sequence[JudgedRow], seen: Estimate, bound: float) -> int | None:
    """How many labels of these rows would take the interval off ``bound`` with 80% power, were the figure to stay.

    None where those of all rows would not. ``seen`` is the estimate with the labels that there are. Between it and the
    one with all labels the square of the interval's reach falls as 1 / labels.
    """
    whole = estimate(_all_labelled(rows))
    now, least = (_side(each, upwards=seen.value < bound) ** 2 for each in (seen, whole))
    allowed = ((seen.value - bound) * z_value(1 - ALPHA / 2) / smallest_detectable(1.0, ALPHA)) ** 2
    if allowed <= least:
        return None
    part = (allowed - least) / (now - least) if now > allowed else 1.0
    return max(seen.labelled + 1, math.ceil(1 / ((1 - part) / whole.labelled + part / seen.labelled)))


def _side(seen: Estimate, *, upwards: bool) -> float:
    """How far the interval reaches from the value."""
    return seen.high - seen.value if upwards else seen.value - seen.low


def _all_labelled(rows: Sequence[JudgedRow]) -> list[JudgedRow]:
    """The rows with a label in every group, like those that there are: in turn those of rows that the judge scores
    nearly alike."""
    given, drawn = [row for row in rows if row.labelled], _drawn_groups(rows)
    scores = sorted({row.judge for row in given})
    turns = {score: cycle(row.label for row in given if row.judge == score) for score in scores}
    return [
        row
        if not row.drawable or row.group in drawn
        else replace(row, label=row.judge if row.known else next(turns[_nearest(scores, row.judge)]))
        for row in rows
    ]


def _drawn_groups(rows: Sequence[JudgedRow]) -> set[str]:
    """The groups of which a row was drawn, one with a known score too."""
    return {row.group for row in rows if row.label is not None}


def _all_drawn(rows: Sequence[JudgedRow]) -> bool:
    return unknown_groups(rows) <= _drawn_groups(rows)


def _nearest(scores: Sequence[float], one: float) -> float:
    return min(scores, key=lambda score: abs(score - one))
