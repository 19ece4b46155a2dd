"""Gates: what thresholds and regressions share: what is asked, how a mean meets a bound, and what a verdict says.

Pure, so that a verdict can be tested without a run. Thresholds and the gain stand in ``thresholds``, comparisons with
accepted scores in ``regressions``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from evals.harness.verdicts.statistics import Interval, examples_needed, smallest_detectable, z_value
from papillon.profile import GateSettings
from papillon.results.gates import GateResult, GateVerdict

__all__ = [
    "ALPHA",
    "DEFERRED",
    "TOLERANCE",
    "Regression",
    "Threshold",
    "deciding",
    "deferred",
    "detectable",
    "extent",
    "gate_result",
    "threshold_verdict",
]

#: Why a shard leaves a verdict to the last job.
DEFERRED = "this shard saw a part of its split; the job that imports what all shards exported judges the whole"

ALPHA = 0.05
# A mean of thirds and a threshold written in decimals differ in the last bits.
TOLERANCE = 1e-9

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
    least = -float("inf") if minimum is None else minimum - TOLERANCE
    most = float("inf") if maximum is None else maximum + TOLERANCE
    if low >= least and high <= most:
        return "pass"
    return "fail" if high < least or low > most else "inconclusive"


def deferred(result: GateResult) -> GateResult:
    """The same numbers without a verdict: a shard sees a part of its split, the last job judges the whole."""
    return replace(result, verdict="deferred", note=DEFERRED)


def gate_result(
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


def extent(n: int, of: int | None) -> str:
    return f"judged on {n} of {of} examples" if of is not None and n != of else ""


def _reach(seen: Interval, above: bool) -> float:
    """The standard error that the interval shows on one side; unlike ``se`` it knows of what was not seen."""
    return (seen.high - seen.value if above else seen.value - seen.low) / z_value((1 + seen.level) / 2)


def detectable(seen: Interval, above: bool, alpha: float = ALPHA) -> float:
    return smallest_detectable(_reach(seen, above), alpha)


def deciding(seen: Interval, bound: float, alpha: float = ALPHA) -> str:
    """How many examples would take the interval off the bound, were the mean to stay where it is."""
    needed = examples_needed(seen.n, _reach(seen, seen.value < bound), abs(seen.value - bound), alpha)
    if needed is None or needed > 1_000_000:
        return "no practical number of examples would decide it: the mean lies on the bound"
    return f"about {needed} examples would decide it"
