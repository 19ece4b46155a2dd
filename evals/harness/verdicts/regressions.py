"""Regressions: the paired difference from accepted scores, and whether it shows a worsening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evals.harness.verdicts.baseline import Baseline
from evals.harness.verdicts.evidence import lacking
from evals.harness.verdicts.gates import ALPHA, TOLERANCE, Regression, deciding, detectable, extent, gate_result
from evals.harness.verdicts.pairs import Pairs, mean_by_example, trials_by_example
from evals.harness.verdicts.statistics import Interval, chance_worsening, holm, mcnemar
from papillon.results.gates import GateResult, GateVerdict
from papillon.results.rows import COSTS, Row
from papillon.results.words import could_not_see, moves, points
from papillon.units import UnitsCheck

__all__ = ["judge_regressions"]


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
        self.unknown = bool(baseline.rows.get(gate.split)) and not self.before
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
        if self.unknown:
            said = [
                f"no example of {gate.split} has {gate.metric} in the baseline {gate.baseline_name}, "
                "so accept this run's scores with --eval-accept"
            ]
        before = after = smallest = None
        flipped = pairs.flips(lower_is_worse=self.falling)
        if pairs.examples:
            seen = self.seen
            smallest = detectable(seen, above=not self.falling, alpha=ALPHA / metrics)
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
            said.append(extent(seen.n, of))
        return replace(
            gate_result("regression", gate, seen, verdict, said, self.missing),
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
            if (-seen.value if self.falling else seen.value) <= self.gate.max_unproven_drop + TOLERANCE:
                return "pass", said
            limit = self.gate.max_unproven_drop
            chance = 100 * chance_worsening(seen.n, limit)
            return "inconclusive", [
                f"worse by more than {points(limit)} (max_unproven_drop), though not beyond chance",
                *(said or [tested]),
                f"with no real change, and 15% of the rows flipping each way, {chance:.2g}% of runs over {seen.n} "
                "examples would be held up so",
                deciding(seen, 0.0, ALPHA / metrics),
            ]
        if most < allowed - TOLERANCE:
            return "pass", [f"a worsening of {points(allowed)} is excluded"]
        if p <= ALPHA:
            return "fail", [f"worse by more than {points(allowed)} ({tested})"]
        return "inconclusive", [
            f"a worsening of {points(allowed)} is neither shown nor excluded",
            deciding(seen, -allowed if self.falling else allowed),
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
