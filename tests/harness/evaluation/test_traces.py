"""How a trace comes about: what leaked stands where it was sent, each call once, the judge's answers as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.evaluation.outcome import Heard, Outcome, Part, row_without_scores, scored
from evals.harness.evaluation.traces import trace_of
from judges.judge import Leakage, Opinion, Quality
from papillon.models.turn import Use
from papillon.results.traces import Judgement, LeakedUnit, TracedCall
from tests.harness.evaluation.test_outcome import EXAMPLE
from tests.papillon.store.samples import a_record

PRICES = {role: lambda given, taken: given * 2.0 for role in ("local", "untrusted", "judge")}
COUNTED = Judgement("leakage", None, 2, "both", 1)


def outcome(*requests: str, counted: int = 0) -> Outcome:
    leakage = Leakage(counted, opinions=(Opinion(COUNTED, ()),))
    return scored(EXAMPLE, 0, Heard(requests, (None,) * len(requests), "Done.", None, leakage, Quality(1)), 0.0)


def test_what_leaked_is_marked_in_the_request_as_sent() -> None:
    trace = trace_of(EXAMPLE, outcome("Nothing.", "  OSLO,\u200b Oslo"), PRICES)
    assert trace.leaked_units == (
        LeakedUnit("Oslo", 1, "verbatim", 2, 6),
        LeakedUnit("Oslo", 1, "verbatim", 9, 13),
    )
    assert [trace.requests[1][at.start : at.end] for at in trace.leaked_units] == ["OSLO", "Oslo"]


@pytest.mark.parametrize(("counted", "extra"), [(0, 0), (1, 0), (2, 1)])
def test_what_the_judge_counted_beyond_them_is_a_number(counted: int, extra: int) -> None:
    trace = trace_of(EXAMPLE, outcome("Oslo and Oslo", counted=counted), PRICES)
    assert trace.judge_extra == extra
    assert trace.judge == (COUNTED,)


def test_each_call_stands_once_with_its_tokens_and_cost() -> None:
    parts: tuple[Part, ...] = ("local", "answer-first", "target-first")
    uses = tuple((part, Use("x", a_record(int(part == "local")), replayed=part == "local")) for part in parts)
    trace = trace_of(EXAMPLE, replace(outcome("Hello."), uses=uses), PRICES)
    assert trace.calls == (
        TracedCall("local", a_record(1).key, 31, 4, 62.0, True),
        TracedCall("judge", a_record(0).key, 31, 4, 62.0, False),
    )


def test_of_a_row_without_scores_nobody_knows_what_a_judge_would_have_counted() -> None:
    trace = trace_of(EXAMPLE, Outcome(row_without_scores(EXAMPLE, 1, 0.0, "down"), Heard(("Ann",), (None,))), PRICES)
    assert (trace.judge_extra, trace.error, trace.trial) == (None, "down", 1)
    assert trace.leaked_units == (LeakedUnit("Ann", 0, "verbatim", 0, 3),)
