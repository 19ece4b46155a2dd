"""Fields read without DSPy are those that the adapters read with it."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.llm import CompareResponses, CountLeaks
from papillon.models.adapters import adapter_for
from papillon.models.fields import read_fields, said_in
from papillon.program import CraftRedactedRequest, RespondToQuery
from papillon.store import Answer, Call, Record, Usage

CRAFT = CraftRedactedRequest.prepend("reasoning", dspy.OutputField(), type_=str)
MARKERS = [f"[[ ## {name} ## ]]" for name in ("reasoning", "llm_request", "completed", "response")]
PIECES = [
    *MARKERS,
    *("**[[ ## llm_request ## ]]**", "[[##llm_request##]]:", "`[[ ## reasoning ## ]]`", "[ ## completed ## ]"),
    *("\n", "\n\n", " ", "\r\n", "\u2028", "a text", "Łódź 手紙", "<think>", "</think>", "```", "#", "##", ": "),
    *('{"reasoning": "so", "llm_request": "ask"}', '{"llm_request": "ask", "reasoning": ["a"]}', '{"reasoning": "so'),
    *('"llm_request": 7', "{", "}", '"', "'", "\\u00e9", "null", "\ud800"),
]


def by_dspy(kind: str, signature: Any, answer: str) -> dict[str, str] | None:
    try:
        fields: dict[str, str] = adapter_for(kind).parse(signature, answer)
    except AdapterParseError:
        return None
    return fields


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(["chat", "json"]))
@settings(max_examples=500, deadline=None)
def test_whatever_a_model_writes_is_read_alike(answer: str, kind: str) -> None:
    record = Record.of(Call({"messages": []}), Answer(answer, "stop"), Usage(1, 1))
    names = tuple(CRAFT.output_fields)
    found = read_fields(said_in(record), names, kind, json_fallback=False)
    expected = by_dspy(kind, CRAFT, said_in(record))
    assert (found if len(found) == len(names) else None) == expected


@given(st.dictionaries(st.sampled_from(["reasoning", "llm_request"]), st.text(max_size=20), min_size=2))
@settings(max_examples=300, deadline=None)
def test_an_answer_in_dspys_own_form_is_read_alike(said: dict[str, str]) -> None:
    answer = "\n\n".join(f"[[ ## {name} ## ]]\n{said[name]}" for name in CRAFT.output_fields)
    answer += "\n\n[[ ## completed ## ]]"
    names = tuple(CRAFT.output_fields)
    found = read_fields(answer, names, "chat", json_fallback=False)
    assert (found if len(found) == 2 else None) == by_dspy("chat", CRAFT, answer)


@pytest.mark.parametrize(
    ("signature", "answer"),
    [
        (RespondToQuery, "[[ ## response ## ]]\none\r\n two \n\n[[ ## completed ## ]]\n"),
        (CompareResponses, "[[ ## reason ## ]]\nso\n\n[[ ## a_is_at_least_as_good ## ]]\nYes.\n"),
        (CountLeaks, "[[ ## reason ## ]]\nso\n\n[[ ## leaked ## ]]\n2 of 3\n\n[[ ## completed ## ]]"),
    ],
)
def test_the_shipped_signatures_fields_are_read(signature: Any, answer: str) -> None:
    names = tuple(signature.output_fields)
    texts = signature
    for name in names:
        texts = texts.with_updated_fields(name, type_=str)
    assert read_fields(answer, names, "chat") == by_dspy("chat", texts, answer)


def test_json_in_place_of_a_chat_answer_is_the_profiles_choice() -> None:
    answer = '{"response": "one"}'
    assert read_fields(answer, ("response",), "chat") == {"response": "one"}
    assert read_fields(answer, ("response",), "chat", json_fallback=False) == {}
