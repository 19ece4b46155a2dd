"""The program: what it sends, what it accepts back, and what it makes of failures."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import AdapterParseError, LMError
from hypothesis import given, settings
from hypothesis import strategies as st

from papillon import PAPILLON, load_program, response_text, save_program
from papillon.errors import UsageError
from tests.fakes import scripted_lm

FIELDS = {"reasoning": "because", "llm_request": "What is a will?", "response": "A will is a document."}


def run(program: PAPILLON, query: str, *, awaited: bool = False) -> dspy.Prediction:
    with dspy.context(adapter=dspy.JSONAdapter()):
        if awaited:
            return asyncio.run(program.acall(user_query=query))
        return program(user_query=query)


def papillon(untrusted: Any, fields: dict[str, str] | None = None) -> PAPILLON:
    program = PAPILLON(untrusted_model=untrusted)
    program.set_lm(scripted_lm(FIELDS if fields is None else fields))
    return program


texts = st.text(st.characters(codec="utf-8"), max_size=80)


@settings(max_examples=40, deadline=None)
@given(query=texts, request=texts.filter(bool), awaited=st.booleans())
def test_the_untrusted_model_receives_nothing_but_the_request(query: str, request: str, awaited: bool) -> None:
    received: list[Any] = []

    def untrusted(*arguments: Any, **named: Any) -> str:
        received.append((arguments, named))
        return "an answer"

    prediction = run(papillon(untrusted, {**FIELDS, "llm_request": request}), query, awaited=awaited)
    assert received == [((prediction.llm_request,), {})]


@pytest.mark.parametrize("awaited", [False, True])
def test_the_answer_is_made_with_the_help_of_what_came_back(awaited: bool) -> None:
    program = papillon(lambda request: "Wills need two witnesses.")
    prediction = run(program, "Help me with my will", awaited=awaited)
    assert prediction.llm_request == FIELDS["llm_request"]
    assert prediction.llm_response == "Wills need two witnesses."
    assert prediction.response == FIELDS["response"]


@pytest.mark.parametrize(
    "raw",
    [
        "text",
        ["text", "more"],
        ("text",),
        {"response": "text"},
        {"content": "text"},
        {"text": "text"},
        {"choices": ["text"]},
        {"choices": [{"text": "text"}]},
        {"choices": [{"message": {"role": "assistant", "content": "text"}}]},
        {"content": [{"type": "text", "text": "text"}]},
        [{"text": "text"}],
        {"response": "", "content": None, "text": "text"},
    ],
    ids=repr,
)
def test_every_shape_of_a_response_gives_its_text(raw: Any) -> None:
    assert response_text(raw) == "text"


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        ("", ValueError, "empty response string"),
        ([], ValueError, "empty sequence"),
        ((), ValueError, "empty sequence"),
        ([""], ValueError, "empty response string"),
        ({}, ValueError, "empty mapping"),
        ({"text": ""}, ValueError, "lacks usable content"),
        ({"choices": []}, ValueError, "lacks usable content"),
        ({"other": "text"}, ValueError, "got other"),
        ({"choices": [{"message": {"content": None}}]}, ValueError, "lacks usable content"),
        (None, TypeError, "unsupported type: NoneType"),
        (7, TypeError, "unsupported type: int"),
        ([None], TypeError, "unsupported type: NoneType"),
        ({"content": 7}, TypeError, "unsupported type: int"),
    ],
    ids=repr,
)
def test_a_wrong_or_empty_response_is_a_clear_error(raw: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        response_text(raw)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError])
def test_a_caught_error_leaves_an_empty_answer_the_request_and_a_line_in_the_log(
    error: type[Exception], awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def untrusted(request: str) -> str:
        raise error("no luck")

    with caplog.at_level(logging.ERROR, logger="papillon.program"):
        prediction = run(papillon(untrusted), "query", awaited=awaited)
    assert (prediction.llm_request, prediction.llm_response, prediction.response) == (
        FIELDS["llm_request"],
        "",
        "",
    )
    assert "PAPILLON forward failed" in caplog.text


@pytest.mark.parametrize("awaited", [False, True])
def test_an_empty_request_is_never_sent(awaited: bool) -> None:
    received: list[str] = []
    prediction = run(papillon(received.append, {**FIELDS, "llm_request": ""}), "query", awaited=awaited)
    assert received == []
    assert prediction.llm_request == prediction.response == ""


@pytest.mark.parametrize("awaited", [False, True])
def test_a_format_error_passes_through(awaited: bool) -> None:
    program = PAPILLON(untrusted_model=lambda request: "answer")
    program.set_lm(scripted_lm(lambda prompt: "no JSON at all"))
    with pytest.raises(AdapterParseError):
        run(program, "query", awaited=awaited)


@pytest.mark.parametrize("awaited", [False, True])
def test_a_model_error_passes_through(awaited: bool) -> None:
    def broken(prompt: str) -> str:
        raise ValueError("the server is on fire")

    program = PAPILLON(untrusted_model=lambda request: "answer")
    program.set_lm(scripted_lm(broken))
    with pytest.raises(LMError, match="on fire"):
        run(program, "query", awaited=awaited)


def test_an_async_untrusted_model_is_awaited() -> None:
    async def untrusted(request: str) -> str:
        await asyncio.sleep(0)
        return "awaited"

    assert run(papillon(untrusted), "query", awaited=True).llm_response == "awaited"


def test_an_lm_serves_as_the_untrusted_model() -> None:
    program = papillon(scripted_lm(lambda prompt: f"answer to {prompt}"))
    assert run(program, "query").llm_response == "answer to What is a will?"
    assert run(program, "query", awaited=True).llm_response == "answer to What is a will?"


def test_saved_prompts_and_demonstrations_come_back_without_models(tmp_path: Path) -> None:
    program = papillon(lambda request: "answer")
    program.respond_to_query.signature = program.respond_to_query.signature.with_instructions("Be brief.")
    program.respond_to_query.demos = [dspy.Example(user_query="q", response="r")]
    save_program(program, tmp_path / "program.json")
    fresh = papillon(lambda request: "answer")
    model = fresh.respond_to_query.lm
    load_program(fresh, tmp_path / "program.json")
    assert fresh.respond_to_query.signature.instructions == "Be brief."
    assert [dict(demo) for demo in fresh.respond_to_query.demos] == [{"user_query": "q", "response": "r"}]
    assert fresh.respond_to_query.lm is model
    assert program.respond_to_query.lm is not None


def test_what_dspy_saved_itself_can_be_loaded(tmp_path: Path) -> None:
    program = PAPILLON(untrusted_model=lambda request: "answer")
    program.craft_redacted_request.predict.signature = (
        program.craft_redacted_request.predict.signature.with_instructions("Say less.")
    )
    program.save(str(tmp_path / "dspy.json"))
    fresh = load_program(PAPILLON(untrusted_model=lambda request: "answer"), tmp_path / "dspy.json")
    assert fresh.craft_redacted_request.predict.signature.instructions == "Say less."


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"other": {}}), "no json"])
def test_a_file_that_holds_no_program_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "program.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=rf"Expected a saved .*{path.name}"):
        load_program(PAPILLON(untrusted_model=lambda request: "answer"), path)
