"""Gates: rows and what is asked of them in, verdicts out; pure, so that a verdict can be tested without a run.

Thresholds look at one split's mean, regressions at the paired difference from accepted scores, the gain at
the paired difference from a control. Where rows come from and how verdicts are shown is left to others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evals.harness.verdicts.baseline import Baseline
from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.pairs import Pairs, mean_by_example, trials_by_example
from evals.harness.verdicts.statistics import (
    GroupedMean,
    Interval,
    chance_worsening,
    examples_needed,
    holm,
    mcnemar,
    smallest_detectable,
    variance_components,
    z_value,
)
from papillon.profile import GateSettings
from papillon.results.gates import Flip, GateResult, GateVerdict
from papillon.results.rows import Row
from papillon.units import UnitsCheck

__all__ = [
    "COSTS",
    "DEFERRED",
    "GateResult",
    "GateVerdict",
    "Regression",
    "Threshold",
    "could_not_see",
    "could_see",
    "deferred",
    "judge_gain",
    "judge_regressions",
    "judge_threshold",
    "moves",
    "points",
    "threshold_verdict",
]

#: Why a shard leaves a verdict to the last job.
DEFERRED = "this shard saw a part of its split; the job that imports what all shards exported judges the whole"

ALPHA = 0.05
#: Metrics of which more is worse.
COSTS = ("leakage", "verbatim_leakage", "errors")
# A mean of thirds and a threshold written in decimals differ in the last bits.
_TOLERANCE = 1e-9


#: What is asked of a split's mean: just what a profile says of a threshold.
Threshold = GateSettings


@dataclass(frozen=True)
class Regression:
    """A metric that must not be worse than the baseline's, or with ``max_drop`` (0..1) not by that much.

    Without ``max_drop`` an observed worsening above ``max_unproven_drop`` (0..1) is no pass.
    """

    split: str
    metric: str
    baseline_name: str
    max_drop: float | None = None
    max_unproven_drop: float = 0.10


def threshold_verdict(
    value: float,
    low: float,
    high: float,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    confident: bool = False,
) -> GateVerdict:
    """Whether a value, or with ``confident`` its whole interval, keeps within the bounds (both inclusive)."""
    if not confident:
        low = high = value
    least = -float("inf") if minimum is None else minimum - _TOLERANCE
    most = float("inf") if maximum is None else maximum + _TOLERANCE
    if low >= least and high <= most:
        return "pass"
    return "fail" if high < least or low > most else "inconclusive"


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
    remarks = [_extent(len(means), of)]
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
    return _judge_mean(gate, mean, missing, [_extent(len(pairs.examples), of)])


def _judge_mean(gate: Threshold, mean: GroupedMean | None, missing: str, remarks: list[str]) -> list[GateResult]:
    seen = mean.interval(1 - ALPHA) if mean else None
    results = []
    for limit, bound in (("min", gate.min), ("max", gate.max)):
        if bound is None:
            continue
        verdict, said = _hold(gate, seen, limit, bound) if seen else ("inconclusive", ["no example was scored"])
        result = _result("threshold", gate, seen, verdict, [*said, *remarks], missing)
        result = replace(result, smallest=_detectable(seen, seen.value < bound) if seen else None)
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
        could_see(_detectable(seen, seen.value < bound)),
    ]
    if verdict == "inconclusive":
        said.append(_deciding(seen, bound))
    return verdict, said


class _Comparison:
    """One regression gate's pairs, and the p-value of a worsening beyond what it allows."""

    def __init__(
        self, gate: Regression, rows: Sequence[Row], baseline: Baseline, units: UnitsCheck | None = None
    ) -> None:
        self.gate = gate
        rows = [row for row in rows if row.split == gate.split]
        self.before = baseline.scores(gate.split, gate.metric)
        self.after = mean_by_example(trials_by_example(rows, gate.metric))
        self.pairs = Pairs(self.before, self.after, {row.id: row.group for row in rows})
        self.missing = lacking(gate.metric, rows, units)
        self.falling = gate.metric not in COSTS
        self.test, self.p = "paired bootstrap", 1.0
        if self.pairs.examples:
            self.seen = self.pairs.difference.interval(1 - ALPHA)
            self.p = self._p_value()

    def _p_value(self) -> float:
        if self.gate.metric == "quality" and self.gate.max_drop is None and self.pairs.binary:
            self.test = "exact McNemar on deduplicated rows"
            rose, fell = self.pairs.votes()
            # A large group that rose may outweigh many small ones that fell: that is no worsening.
            return mcnemar(rose, fell) if fell > rose and self.seen.value < 0 else 1.0
        allowed = self.gate.max_drop or 0.0
        mean = self.pairs.difference
        return min(1.0, 2 * (mean.p_below(-allowed) if self.falling else mean.p_above(allowed)))

    def result(self, p: float, metrics: int, of: int | None) -> GateResult:
        """The verdict, given the p-value after Holm over so many metrics."""
        gate, pairs = self.gate, self.pairs
        seen: Interval | None = None
        verdict: GateVerdict = "inconclusive"
        said = [f"no example of {gate.split} stands in the baseline {gate.baseline_name}"]
        before = after = smallest = None
        flipped = pairs.flips(lower_is_worse=self.falling)
        if pairs.examples:
            seen = self.seen
            smallest = _detectable(seen, above=not self.falling, alpha=ALPHA / metrics)
            verdict, said = self._verdict(p, metrics)
            before, after = (sum(side[e] for e in pairs.examples) / seen.n for side in (self.before, self.after))
            change = f"{gate.metric} went from {before:.3f} to {after:.3f}, a change of {100 * seen.value:+.1f} points"
            said = [
                f"{change} ({100 * seen.low:+.1f} to {100 * seen.high:+.1f}), {moves(flipped)}",
                *said,
                could_not_see(smallest),
            ]
            if pairs.unpaired:
                said.append(f"{pairs.unpaired} of {len(self.after)} examples are not in the baseline and were left out")
            said.append(_extent(seen.n, of))
        return replace(
            _result("regression", gate, seen, verdict, said, self.missing),
            baseline=gate.baseline_name,
            max_drop=gate.max_drop,
            flipped=tuple(flipped),
            before=before,
            after=after,
            smallest=smallest,
        )

    def _verdict(self, p: float, metrics: int) -> tuple[GateVerdict, list[str]]:
        seen, allowed = self.seen, self.gate.max_drop
        tested = f"p = {p:.2g} by {self.test}" + (f" and Holm over {metrics} metrics" if metrics > 1 else "")
        # As a worsening: positive is bad, whichever way the metric runs.
        most = -seen.low if self.falling else seen.high
        least = -seen.high if self.falling else seen.low
        if allowed is None:
            if p <= ALPHA:
                return "fail", [f"worse beyond chance ({tested})"]
            said = [f"its interval lies on the bad side of 0, but {tested}"] if least > 0 else []
            if (-seen.value if self.falling else seen.value) <= self.gate.max_unproven_drop + _TOLERANCE:
                return "pass", said
            limit = self.gate.max_unproven_drop
            chance = 100 * chance_worsening(seen.n, limit)
            return "inconclusive", [
                f"worse by more than {points(limit)} (max_unproven_drop), though not beyond chance",
                *(said or [tested]),
                f"with no real change, and 15% of the rows flipping each way, {chance:.2g}% of runs over {seen.n} "
                "examples would be held up so",
                _deciding(seen, 0.0, ALPHA / metrics),
            ]
        if most < allowed - _TOLERANCE:
            return "pass", [f"a worsening of {points(allowed)} is excluded"]
        if p <= ALPHA:
            return "fail", [f"worse by more than {points(allowed)} ({tested})"]
        return "inconclusive", [
            f"a worsening of {points(allowed)} is neither shown nor excluded",
            _deciding(seen, -allowed if self.falling else allowed),
        ]


def judge_regressions(
    gates: Sequence[Regression],
    rows: Sequence[Row],
    baseline: Baseline,
    *,
    of: int | None = None,
    units: UnitsCheck | None = None,
) -> list[GateResult]:
    """One result for each gate, in their order; Holm's correction is over all that are given.

    Without ``max_drop`` a gate fails when a worsening is demonstrated, and is inconclusive where one above
    ``max_unproven_drop`` is observed; with it, it fails when a worsening beyond it is demonstrated, passes when
    the interval excludes one, and is inconclusive in between. A fail claims something of one metric among
    several, so it is corrected; passing needs every gate to pass (an intersection-union test, Berger 1982), so
    that is not. Examples are paired by id; those that the baseline lacks are left out and counted in the note.
    """
    comparisons = [_Comparison(gate, rows, baseline, units) for gate in gates]
    adjusted = holm([comparison.p for comparison in comparisons])
    return [comparison.result(p, len(comparisons), of) for comparison, p in zip(comparisons, adjusted, strict=True)]


def deferred(result: GateResult) -> GateResult:
    """The same numbers without a verdict: a shard sees a part of its split, the last job judges the whole."""
    return replace(result, verdict="deferred", note=DEFERRED)


def _result(
    kind: Literal["threshold", "regression"],
    gate: Threshold | Regression,
    seen: Interval | None,
    verdict: GateVerdict,
    said: list[str],
    missing: str,
) -> GateResult:
    """A result that cannot pass, nor fail, while rows are missing."""
    if missing:
        verdict, said = "inconclusive", [f"{missing}, so this gate cannot pass", *said]
    result = GateResult(
        kind, gate.split, gate.metric, None, None, None, 0, 0, verdict, note="; ".join(filter(None, said))
    )
    if seen is None:
        return result
    return replace(result, value=seen.value, low=seen.low, high=seen.high, n=seen.n, groups=seen.groups)


def _extent(n: int, of: int | None) -> str:
    return f"judged on {n} of {of} examples" if of is not None and n != of else ""


def moves(flipped: Sequence[Flip]) -> str:
    """How many examples rose and how many fell."""
    rose = sum(flip.after > flip.before for flip in flipped)
    return f"{rose} rose, {len(flipped) - rose} fell"


def points(share: float) -> str:
    """A share of 1 in percentage points."""
    return f"{100 * share:.1f} points"


def could_see(share: float) -> str:
    """The smallest difference that a gate could have seen, in words; a metric of 0..1 has none of more than 1."""
    if share > 1:
        return "it could not have seen a difference of 100 points"
    return f"the smallest difference it could have seen is {points(share)}"


def could_not_see(share: float) -> str:
    """The same of a worsening."""
    return f"a worsening under {points(min(share, 1.0))} could not have been seen"


def _reach(seen: Interval, above: bool) -> float:
    """The standard error that the interval shows on one side; unlike ``se`` it knows of what was not seen."""
    return (seen.high - seen.value if above else seen.value - seen.low) / z_value((1 + seen.level) / 2)


def _detectable(seen: Interval, above: bool, alpha: float = ALPHA) -> float:
    return smallest_detectable(_reach(seen, above), alpha)


def _deciding(seen: Interval, bound: float, alpha: float = ALPHA) -> str:
    """How many examples would take the interval off the bound, were the mean to stay where it is."""
    needed = examples_needed(seen.n, _reach(seen, seen.value < bound), abs(seen.value - bound), alpha)
    if needed is None or needed > 1_000_000:
        return "no practical number of examples would decide it: the mean lies on the bound"
    return f"about {needed} examples would decide it"
