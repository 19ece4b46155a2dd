"""What was heard is read again from records alone, in every form that a shipped adapter reads; else it is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from evals.harness.evaluation.outcome import Outcome, Part
from evals.harness.evaluation.rereading import Rereader
from papillon.profile import JudgeSettings, ModelSettings, Profile
from papillon.store import Answer, Call, Record, Usage
from tests.harness.evaluation.test_outcome import EXAMPLE

WHO = {"model": "openai/m", "served": "here", "sampling": {"temperature": 0.5}}
IDENTITIES = {role: {**WHO, "seed": None} for role in ("local", "untrusted")}
QUERY = EXAMPLE.row.user_query

Said = list[tuple[Part, Record]]


def record(asked: str, said: str, **changed: Any) -> Record:
    sampling = {**WHO["sampling"], "seed": 1}  # type: ignore[dict-item]
    messages = [{"role": "user", "content": asked}]
    identity = {**WHO, "sampling": sampling, "trial": 0, "attempt": 0, "messages": messages, "schema": None, **changed}
    return Record.of(Call(identity), Answer(said, "stop"), Usage(1, 1))


def chat(**fields: str) -> str:
    parts = [f"[[ ## {name} ## ]]\n{text}" for name, text in fields.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def as_json(**fields: str) -> str:
    return json.dumps(fields)


def told(form: Callable[..., str], request: str = "To Ann.", came: str = "Hi.", answer: str = "Done.") -> Said:
    return [
        ("local", record(f"{QUERY} as llm_request", form(reasoning="so", llm_request=request))),
        ("untrusted", record(request, came)),
        ("local", record(f"{request} and {came} and {QUERY}", form(response=answer))),
    ]


def reread(said: Said, *, adapter: str = "chat", subject: str = "program", trial: int = 0) -> Outcome | None:
    model = ModelSettings("openai/m", adapter=adapter)
    profile = Profile("p", None, model, model, JudgeSettings("lexical"))
    records = {each.key: each for _, each in said}
    calls = [(part, each.key) for part, each in said]
    return Rereader(profile, IDENTITIES).outcome(subject, EXAMPLE, trial, calls, records)


@pytest.mark.parametrize(("adapter", "form"), [("chat", chat), ("json", as_json), ("chat", as_json)])
def test_the_programs_three_calls_give_its_row(adapter: str, form: Callable[..., str]) -> None:
    found = reread(told(form, 'To "Ann"\nof é手.'), adapter=adapter)
    assert found is not None
    assert (found.heard.requests, found.heard.responses) == (('To "Ann"\nof é手.',), ("Hi.",))
    assert (found.heard.answer, found.row.status, found.row.leaked, found.row.quality) == ("Done.", "scored", 1, 1.0)


def test_thinking_is_no_part_of_an_answer() -> None:
    def thinking(**fields: str) -> str:
        return f"<think>Is Oslo private?</think>{chat(**fields)}"

    found = reread(told(thinking))
    assert found is not None
    assert found.heard.answer == "Done."


def test_a_program_that_answered_nothing_and_one_that_got_nothing() -> None:
    for said in (told(chat, answer=""), told(chat, came="")[:2], told(chat, request="")[:1]):
        found = reread(said)
        assert found is not None
        assert (found.row.status, found.row.error) == ("program_error", "The program answered empty.")


def test_a_format_error_is_found_where_it_is_and_nowhere_else() -> None:
    first, sent, last = told(chat)
    odd = ("local", record(f"To Ann. and Hi. and {QUERY}", "I would rather sing."))
    found = reread([first, sent, odd])  # type: ignore[list-item]
    assert found is not None
    assert found.row.error == (
        "A model's output was not in the program's format: JSONAdapter expected the fields response, got none of them."
    )
    assert found.heard.fault is not None
    assert found.heard.fault.unparsed == "I would rather sing."
    assert reread([first, sent]) is None  # something came back, and the program would have gone on
    silent = ("local", record(f"{QUERY} as llm_request", "I would rather sing."))
    assert reread([silent]) is not None  # type: ignore[list-item]
    for calls in ([last], [odd], [first, silent], [first, sent, silent]):
        assert reread(calls) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"model": "openai/better"}, {"served": "elsewhere"}, {"sampling": {}}, {"trial": 1}, {"attempt": 1}],
    ids=str,
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_call_that_this_profile_would_not_make_is_not_the_rows(change: dict[str, Any], place: int) -> None:
    said = told(chat)
    part, own = said[place]
    said[place] = (part, record(own.call["messages"][0]["content"], own.answer.text, **change))
    assert reread(said) is None


def test_a_row_of_another_trial_is_none_of_this_ones() -> None:
    assert reread(told(chat), trial=1) is None


def test_what_was_asked_must_be_this_rows() -> None:
    first, sent, last = told(chat)
    another = ("local", record("query: another", chat(reasoning="so", llm_request="To Ann.")))
    assert reread([another, sent, last]) is None  # type: ignore[list-item]
    unsent = ("untrusted", record("Not crafted.", "Hi."))
    assert reread([first, unsent, last]) is None  # type: ignore[list-item]
    assert reread([first, sent, last, ("judge", last[1])]) is None
    assert reread([*told(chat), told(chat)[1]]) is None


def test_controls_send_what_they_must_and_nothing_else() -> None:
    sent = {"verbatim": QUERY, "redacted": "Ask [REDACTED] of [REDACTED]."}
    for name, request in sent.items():
        found = reread([("untrusted", record(request, "Done."))], subject=name)
        assert found is not None
        assert (found.heard.requests, found.heard.answer) == ((request,), "Done.")
        for other in {*sent.values(), "Nothing."} - {request}:
            assert reread([("untrusted", record(other, "Done."))], subject=name) is None
    assert reread([("local", record(QUERY, "Done."))], subject="local-only") is not None
    assert reread([("local", record("Another.", "Done."))], subject="local-only") is None
    assert reread([("local", record(QUERY, "Done."))], subject="empty") is None
    for name, quality in (("empty", 0.0), ("target", 1.0)):
        found = reread([], subject=name)
        assert found is not None
        assert found.row.quality == quality
    assert reread([], subject="verbatim") is None
    assert reread([]) is None
