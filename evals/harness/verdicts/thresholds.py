"""Thresholds: one split's mean, or its gain over a control, held against the bounds that a profile sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.gates import (
    ALPHA,
    Threshold,
    deciding,
    detectable,
    extent,
    gate_result,
    threshold_verdict,
)
from evals.harness.verdicts.pairs import Pairs, mean_by_example, trials_by_example
from evals.harness.verdicts.statistics import GroupedMean, Interval, variance_components
from papillon.results.gates import GateResult, GateVerdict
from papillon.results.rows import Row
from papillon.results.words import could_see
from papillon.units import UnitsCheck

__all__ = ["judge_gain", "judge_threshold"]


def judge_threshold(
    gate: Threshold, rows: Sequence[Row], *, of: int | None = None, units: UnitsCheck | None = None
) -> list[GateResult]:
    """One result for each bound of the gate, over the rows of its split; ``of`` is how many examples that has.

    Rows that cannot speak for the metric make it inconclusive (:func:`evals.harness.verdicts.evidence.lacking`), above
    all one without a score: what is missing might have decided it.
    """
    rows = [row for row in rows if row.split == gate.split]
    samples = trials_by_example(rows, gate.metric)
    means, group = mean_by_example(samples), {row.id: row.group for row in rows}
    mean = GroupedMean(list(means.values()), [group[example] for example in means]) if means else None
    remarks = [extent(len(means), of)]
    if without := len({row.id for row in rows if row.status != "infrastructure_error"} - means.keys()):
        remarks.append(f"{without} left out, whose gold redaction has no words")
    if parts := variance_components(list(samples.values())):
        remarks.append(f"sd {parts.between**0.5:.2f} between examples, {parts.within**0.5:.2f} within one")
    return _judge_mean(gate, mean, lacking(gate.metric, rows, units), remarks)


def judge_gain(
    gate: Threshold, rows: Sequence[Row], control_rows: Sequence[Row], *, of: int | None = None
) -> list[GateResult]:
    """The same for ``gain``: the mean paired difference in ``overall``, program rows − control rows."""
    sides = [[row for row in side if row.split == gate.split] for side in (control_rows, rows)]
    before, after = (mean_by_example(trials_by_example(side, "overall")) for side in sides)
    pairs = Pairs(before, after, {row.id: row.group for row in sides[1]})
    missing = lacking("overall", [*sides[0], *sides[1]])
    if not missing and pairs.unpaired:
        missing = f"{pairs.unpaired} of {len(after)} examples have no control"
    mean = pairs.difference if pairs.examples else None
    return _judge_mean(gate, mean, missing, [extent(len(pairs.examples), of)])


def _judge_mean(gate: Threshold, mean: GroupedMean | None, missing: str, remarks: list[str]) -> list[GateResult]:
    seen = mean.interval(1 - ALPHA) if mean else None
    results = []
    for limit, bound in (("min", gate.min), ("max", gate.max)):
        if bound is None:
            continue
        verdict, said = _hold(gate, seen, limit, bound) if seen else ("inconclusive", ["no example was scored"])
        result = gate_result("threshold", gate, seen, verdict, [*said, *remarks], missing)
        result = replace(result, smallest=detectable(seen, seen.value < bound) if seen else None)
        results.append(replace(result, min=bound if limit == "min" else None, max=bound if limit == "max" else None))
    return results


def _hold(gate: Threshold, seen: Interval, limit: str, bound: float) -> tuple[GateVerdict, list[str]]:
    """Whether one bound holds, and what there is to say about it."""
    minimum, maximum = (bound, None) if limit == "min" else (None, bound)
    verdict = threshold_verdict(
        seen.value, seen.low, seen.high, minimum=minimum, maximum=maximum, confident=gate.confident
    )
    asked = f"{'at least' if limit == 'min' else 'at most'} {bound:g} is asked"
    said = [
        f"{gate.metric} is {seen.value:.3f} ({seen.low:.3f} to {seen.high:.3f}), {asked}"
        + (" of the whole interval" if gate.confident else ""),
        could_see(detectable(seen, seen.value < bound)),
    ]
    if verdict == "inconclusive":
        said.append(deciding(seen, bound))
    return verdict, said
