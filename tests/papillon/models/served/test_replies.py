"""What comes with status 200: an answer under its own name, or a failure that may pass."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.lm15 import ContextLengthError
from hypothesis import given
from hypothesis import strategies as st

from papillon.errors import EndpointError, Filtered
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.served.replies import NoAnswer, finish_reason_of, read_reply
from tests.misbehaviour import completion
from tests.model_server import ModelServer
from tests.papillon.models.attempts import KEY, asked, attempt
from tests.papillon.models.served.test_endpoint import ask
from tests.papillon.models.test_roles import opened


def read(content: Any, **more: Any) -> Any:
    return read_reply(completion(content, **more).raw, "m")


@pytest.mark.parametrize(("details", "count"), [({"cached_tokens": 7}, 7), ({"cached_tokens": -1}, None), (None, None)])
def test_tokens_that_a_server_had_read_before_are_counted(details: Any, count: int | None) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": details}
    raw = json.dumps({**json.loads(completion("text").raw), "usage": usage}).encode()
    assert read_reply(raw, "m").usage.cache_read_tokens == count


@pytest.mark.parametrize("fault", ["null-content", "broken-off", "error-in-choice", "error-alone"])
def test_a_fault_with_status_200_may_pass_and_may_have_cost(fault: str) -> None:
    with ModelServer() as server, pytest.raises(TransientFailure) as raised:
        attempt(server.at(fault))
    assert raised.value.may_have_cost
    if fault != "broken-off":
        assert "upstream failed" in str(raised.value)
        assert "All is" not in str(raised.value)


@pytest.mark.parametrize(
    "end",
    ["internal server error", "error: upstream 502", "timed_out", "exception", "user_cancel", "quota_exceeded",
     {"type": "error"}, "network_error", "abort", "insufficient_system_resource"],
)  # fmt: skip
def test_half_a_text_with_an_end_that_names_a_fault_is_no_answer(end: Any) -> None:
    with pytest.raises(NoAnswer, match="broke off"):
        read("Half a", finish_reason=end)


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ("Half a", {"error": {"message": "gone"}}),
        ("Half a", {"beside": {"base_resp": {"status_code": 1027}}}),
        ("", {"beside": {"detail": "upstream failed"}}),
        ("", {"beside": {"errors": ["upstream failed"]}}),
        ("", {"finish_reason": None}),
        ("", {"finish_reason": "unknown"}),
        (None, {"finish_reason": None}),
    ],
)
def test_a_fault_beside_the_text_or_an_empty_text_without_an_end_is_no_answer(content: Any, more: Any) -> None:
    with pytest.raises(NoAnswer):
        read(content, **more)


@pytest.mark.parametrize("end", ["eos_token", "COMPLETE", "end_turn", "stop_sequence", "recitation"])
def test_a_whole_text_with_another_end_is_an_answer(end: str) -> None:
    assert read("All of it.", finish_reason=end).message.text == "All of it."


@pytest.mark.parametrize("fault", ["null-content", "broken-off", "error-in-choice", "error-alone"])
def test_a_fault_with_status_200_is_asked_again_and_never_recorded(fault: str, tmp_path: Path) -> None:
    with ModelServer() as server:
        with opened(server.at(fault), tmp_path, endpoint="same", max_attempts=2) as models:
            with pytest.raises(Exception, match="after 2 attempts"):
                models.lm("local")("hello")
            assert server.calls_at[fault] == 2
        with opened(server.base, tmp_path, endpoint="same") as models:
            assert models.lm("local")("hello")
            assert (models.ledger.made, models.ledger.replayed) == (1, 0)


@pytest.mark.parametrize(
    "word",
    ["error", "Error", "server_error", "network_error", "error_finish", "abort", "aborted", "failed",
     "insufficient_system_resource", "cancelled", "timeout", "engine_overloaded", "unavailable"],
)  # fmt: skip
def test_a_finish_reason_that_names_a_fault_makes_no_answer_of_half_a_text(word: str) -> None:
    with pytest.raises(NoAnswer, match="broke off") as raised:
        read("half a text", finish_reason=word)
    assert "half" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "word"), [("eos-token", "eos_token"), ("complete", "COMPLETE"), ("end-turn", "end_turn")]
)
def test_an_end_that_nobody_knows_is_an_answer_under_its_own_name(name: str, word: str, tmp_path: Path) -> None:
    with ModelServer() as server:
        response = attempt(server.at(name))
        assert (response.message.text, response.finish_reason) == ("All is well.", "stop")
        assert response.provider_data == {"finish_reason": word}
        for made in (1, 0):
            with opened(server.at(name), tmp_path) as models:
                assert models.lm("local")("hello") == ["All is well."]
                (key,) = models.ledger.used
                assert models.store.get(key).answer.finish_reason == word  # type: ignore[union-attr]
                assert models.ledger.made == made


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("MAX_TOKENS", "length"), ("model_length", "length"), ("SAFETY", "content_filter"), ("tool_use", "tool_call"),
     ("stop", "stop"), ("default", "stop"), ("completed", "stop"), ("content_filter", "content_filter")],
)  # fmt: skip
def test_servers_words_for_known_ends_are_known(word: str, nearest: str) -> None:
    assert finish_reason_of(word) == nearest
    assert read("text", finish_reason=word).finish_reason == nearest


@given(st.text(min_size=1, max_size=60) | st.integers() | st.none())
def test_any_other_finish_reason_leaves_a_whole_text_readable(word: Any) -> None:
    with suppress(NoAnswer):
        assert read("text", finish_reason=word).message.text == "text"


def test_what_is_withheld_or_not_said_is_an_answer_that_says_what_it_is() -> None:
    with ModelServer() as server:
        assert attempt(server.at("withheld")).finish_reason == "content_filter"
        tools = attempt(server.at("tool-calls"))
        assert (tools.message.text, tools.finish_reason) == ("", "tool_call")
        thought = attempt(server.at("reasoning-alone"))
        assert (thought.message.text, thought.finish_reason) == ("<think>\nLet me see.\n</think>\n\n", "length")


def test_a_filters_choice_may_have_no_message() -> None:
    raw = b'{"choices": [{"index": 0, "finish_reason": "content_filter"}]}'
    assert read_reply(raw, "m").finish_reason == "content_filter"


def test_tool_calls_without_text_are_named_so_under_any_finish_reason() -> None:
    assert read(None, tool_calls=[{"id": "1"}]).finish_reason == "tool_call"
    assert read("said", tool_calls=[{"id": "1"}]).finish_reason == "stop"


def test_parts_are_joined_and_reasoning_stands_before_the_text() -> None:
    with ModelServer() as server:
        for name, thought in (("parts", "Let me see."), ("reasoning-apart", "Let me  see.")):
            assert attempt(server.at(name)).message.text == f"<think>\n{thought}\n</think>\n\nAll is well."


@pytest.mark.parametrize("tag", ["</think>", "</THINKING>", "[/THINK]", "<think>"])
def test_a_tag_inside_reasoning_does_not_end_it(tag: str) -> None:
    text = read("Answer.", reasoning=f"private {tag} more private").message.text
    assert text.startswith("<think>\n")
    assert text.lower().count("think") == 2
    assert text.endswith("\n</think>\n\nAnswer.")


def test_reasoning_that_the_text_holds_already_is_not_put_there_twice() -> None:
    assert read("<think>a</think>b", reasoning_content="a").message.text == "<think>a</think>b"


@pytest.mark.parametrize("content", [["All is ", "well."], {"type": "text", "text": "All is well."}])
def test_other_shapes_of_content_are_read(content: Any) -> None:
    assert read(content).message.text == "All is well."


def test_a_lone_surrogate_is_replaced_before_anything_is_recorded(tmp_path: Path) -> None:
    with ModelServer() as server, opened(server.at("lone-surrogate"), tmp_path) as models:
        assert models.lm("local")("hello") == ["All is \ufffdwell \U0001f600."]
        (key,) = models.ledger.used
        assert models.store.get(key).answer.text == "All is \ufffdwell \U0001f600."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe\xfd", b"[]", b"null", b'{"choices": null}', b'{"choices": [null]}', b'{"choices": [{}]}',
     b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
     b'{"choices": [{"message": {"role": "assistant", "content": null}}]}',
     b'{"choices": [{"message": {"content": null}, "finish_reason": "OTHER"}]}', b"[" * 100_000],
)  # fmt: skip
def test_a_body_without_an_answer_is_none(body: bytes) -> None:
    with pytest.raises(NoAnswer, match=r"no chat completion|without an answer|no text"):
        read_reply(body, "m")


NAMES = st.sampled_from(["choices", "message", "content", "error", "finish_reason", "usage", "text", "type", "detail"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@given(st.recursive(LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some), max_leaves=12))
def test_whatever_json_comes_it_is_an_answer_or_none(data: Any) -> None:
    for body in (data, {"choices": [data]}, {"choices": [{"message": data}]}):
        with suppress(NoAnswer):
            read_reply(json.dumps(body).encode(), "m")


def test_a_body_that_is_no_completion_shows_nothing_of_what_it_holds() -> None:
    def private(body: dict[str, Any], number: int) -> Any:
        return 200, {}, '{"response": "Jane Doe lives here"}'

    with ModelServer(failing=private) as server, pytest.raises(TransientFailure) as raised:
        ask(server)
    assert "Jane" not in str(raised.value)
    assert "no chat completion (35 bytes)" in str(raised.value)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        ({"code": 403, "message": "Your input was flagged."}, Filtered, "provider's filter"),
        ({"message": "the request exceeds the available context size"}, ContextLengthError, "does not fit"),
        ({"code": 402, "message": "Insufficient credits"}, RefusesAll, "quota or credit is spent"),
        ({"code": "invalid_api_key", "message": "Bad key"}, RefusesAll, "Check the key"),
        ({"code": 429, "message": "Slow down"}, TransientFailure, "Slow down"),
    ],
)
def test_an_error_with_status_200_is_judged_by_its_words(error: Any, kind: type[Exception], said: str) -> None:
    def fail(body: dict[str, Any], number: int) -> Any:
        return 200, {}, json.dumps({"error": error})

    with ModelServer(failing=fail) as server, pytest.raises(kind, match=said):
        ask(server)


@pytest.mark.parametrize("before", ["", "<!-- served by x -->\n", "<?xml version='1.0'?><!DOCTYPE html>"])
def test_a_web_page_with_status_200_hints_at_the_address(before: str) -> None:
    def page(body: dict[str, Any], number: int) -> Any:
        return 200, {"Content-Type": "text/html"}, f"{before}<html><head><title>Welcome</title></head></html>"

    with (
        ModelServer(failing=page) as server,
        pytest.raises(RefusesAll, match=r"an HTML page .*Check api_base") as raised,
    ):
        ask(server)
    assert not raised.value.certain


def test_a_key_in_an_answer_is_masked_before_it_is_an_answer() -> None:
    with ModelServer() as server:
        assert attempt(server.at("key-in-answer"), key=KEY).message.text == "You sent [key]."


def test_what_a_server_refused_as_no_json_is_an_answer_in_no_format(tmp_path: Path) -> None:
    error = {"message": "Failed to generate JSON.", "code": "json_validate_failed", "failed_generation": "Well, no."}

    def refuse(body: dict[str, Any], number: int) -> Any:
        return 400, {}, json.dumps({"error": error})

    with ModelServer(failing=refuse) as server, opened(server.base, tmp_path, adapter="json") as models:
        with dspy.context(adapter=models.adapter("local")), pytest.raises(dspy.utils.exceptions.AdapterParseError):
            dspy.Predict("question -> answer")(question="hello", lm=models.lm("local"))
        (key,) = models.ledger.used
        assert models.store.get(key).answer.text == "Well, no."  # type: ignore[union-attr]
        assert server.calls == 1


@pytest.mark.parametrize("status", [201, 202, 203])
def test_an_answer_is_one_under_every_status_of_success(status: int) -> None:
    def answer(body: dict[str, Any], number: int) -> Any:
        text = {"choices": [{"message": {"content": "All is well."}, "finish_reason": "stop"}]}
        return status, {}, json.dumps(text)

    with ModelServer(failing=answer) as server:
        assert ask(server).message.text == "All is well."


def test_a_success_without_an_answer_may_pass() -> None:
    with (
        ModelServer(failing=lambda body, number: (204, {}, "")) as server,
        pytest.raises(TransientFailure, match=r"sent a body that is no chat completion \(0 bytes\)"),
    ):
        ask(server)


def test_half_a_character_in_a_request_is_said_and_not_sent() -> None:
    with ModelServer() as server:
        with pytest.raises(EndpointError, match="the request holds half a character"):
            attempt(server.base, asked("Jane \ud800 Doe"))
        assert server.calls == 0


def test_a_plain_answer_is_read_as_it_is() -> None:
    response = read("Plain *** text with sk-notakey000000 and Bearer abcdef123456.")
    assert response.message.text == "Plain *** text with sk-notakey000000 and Bearer abcdef123456."
    assert response.provider_data is None
