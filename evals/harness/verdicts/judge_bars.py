"""Judge bars: what a profile asks of its judge's own test, as gates over the measures that came of it."""

from __future__ import annotations

from collections.abc import Iterable

from evals.harness.verdicts.gates import threshold_verdict
from evals.harness.verdicts.statistics import smallest_detectable, z_value
from papillon.results.gates import GateResult, GateVerdict
from papillon.results.judging import JudgeReport
from papillon.results.words import between, could_see, first_of

__all__ = ["Bar", "judge_bars"]

#: A metric's name with its least and its most allowed value, as a profile gives them.
Bar = tuple[str, float | None, float | None]


def judge_bars(report: JudgeReport, bars: Iterable[Bar]) -> list[GateResult]:
    """The gates of a judge's own test, one result for each bound, as ``judges``-``leakage-kappa`` and the like.

    ``n`` counts judgements, ``groups`` at most the cases that they come from. A measure that the answers do not
    define, and one that lacks a case's answer, is inconclusive.
    """
    return [
        _bar(report, metric, name, bound)
        for metric, low, high in bars
        for name, bound in (("min", low), ("max", high))
        if bound is not None
    ]


def _bar(report: JudgeReport, metric: str, name: str, bound: float) -> GateResult:
    measure = report.measures[metric]
    least, most = (bound, None) if name == "min" else (None, bound)
    asked = f"{'at least' if name == 'min' else 'at most'} {bound:g} is asked"
    value, failed = measure.value, len(report.failed)
    verdict: GateVerdict = "inconclusive"
    smallest = None
    said = [f"{metric} is not defined by this judge's answers, {asked}"]
    if value is not None:
        verdict = threshold_verdict(value, value, value, minimum=least, maximum=most)
        said = [f"{metric} is {between(measure)}, {asked}"]
        if measure.low is not None and measure.high is not None:
            reach = measure.high - value if value < bound else value - measure.low
            smallest = smallest_detectable(reach / z_value(0.975))
            said.append(could_see(smallest))
        if verdict == "fail":
            said.append(f"judged wrong: {', '.join(first_of(report.wrong, 5))}")
    if failed:
        verdict = "inconclusive"
        said.insert(0, f"{failed} of {report.cases} cases have no answer, so this gate cannot pass")
    return GateResult(
        kind="judge",
        split="judges",
        metric=f"{report.subject}-{metric}",
        value=value,
        low=measure.low,
        high=measure.high,
        n=measure.n,
        groups=min(measure.n, report.cases - failed),
        verdict=verdict,
        min=least,
        max=most,
        note="; ".join(said),
        smallest=smallest,
    )
