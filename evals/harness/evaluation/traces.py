"""Traces of a run: what was heard in one sample, as a line of its folder has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import Outcome, role_of
from papillon.leaks import leaks
from papillon.results.traces import LeakedUnit, Trace, TracedCall

__all__ = ["Price", "trace_of"]

#: Input and output tokens to USD, None where that is unknown.
Price = Callable[[int | None, int | None], float | None]


def trace_of(example: Example, outcome: Outcome, prices: Mapping[str, Price]) -> Trace:
    """The trace of one sample of the program; ``prices`` by role."""
    row, heard, units = example.row, outcome.heard, example.row.units
    found = [
        LeakedUnit(place.unit, number, place.how, place.start, place.end)
        for number, request in enumerate(heard.requests)
        for place in leaks(units, request)
    ]
    counted = outcome.row.judge_leaked
    return Trace(
        id=outcome.row.id,
        trial=outcome.row.trial,
        query=row.user_query,
        redacted_query=row.redacted_query,
        units=units,
        target=example.target or "",
        requests=heard.requests,
        untrusted_responses=heard.responses,
        response=heard.answer,
        unparsed=heard.unusable or (heard.fault.unparsed if heard.fault else None),
        leaked_units=tuple(found),
        judge_extra=None if counted is None else max(0, counted - len({leaked.unit for leaked in found})),
        judge=tuple(opinion.said for opinion in heard.opinions),
        calls=_calls(outcome, prices),
        error=outcome.row.error,
    )


def _calls(outcome: Outcome, prices: Mapping[str, Price]) -> tuple[TracedCall, ...]:
    """Each call once, by the role that used it first."""
    seen: dict[str, TracedCall] = {}
    for part, use in outcome.uses:
        if (key := use.record.key) not in seen:
            role, tokens = role_of(part), use.record.usage
            cost = prices[role](tokens.input, tokens.output)
            seen[key] = TracedCall(role, key, tokens.input, tokens.output, cost, use.replayed)
    return tuple(seen.values())
