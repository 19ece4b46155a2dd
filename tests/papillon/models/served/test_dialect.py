"""What a server wants to be told otherwise: learnt from its refusal at once, and kept for the run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dspy
import pytest

from papillon.models.budget import Budget
from papillon.models.failures import RefusesAll
from papillon.models.served.dialect import Dialect
from papillon.models.served.endpoint import Endpoint
from tests.misbehaviour import Reply
from tests.model_server import ModelServer
from tests.papillon.models.attempts import SCHEMA, asked, attempt
from tests.papillon.models.served.test_endpoint import retrying
from tests.papillon.models.test_roles import opened


def formats(server: ModelServer) -> list[str | None]:
    return [body.get("response_format", {}).get("type") for body in server.bodies]


@pytest.mark.parametrize(
    ("name", "prompt", "sent"),
    [
        ("json-object-alone", "Answer as JSON.", ["json_schema", "json_object", "json_object"]),
        ("json-object-alone", "Answer.", ["json_schema", "json_object", None, None]),
        ("no-format", "Answer as JSON.", ["json_schema", "json_object", None, None]),
    ],
)
def test_the_format_falls_back_in_order_and_that_is_remembered(name: str, prompt: str, sent: list[str | None]) -> None:
    request = asked(prompt, response_format=SCHEMA)
    with ModelServer() as server:
        assert attempt(server.at(name), request, request).message.text
        assert formats(server) == sent


@pytest.mark.parametrize(
    "message",
    [
        "response_format.type `json_schema` is unavailable now at line 1 column 1193",
        "The parameter `response_format.type` is not valid: invalid value: `json_schema`, supported values are: `text`",
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "This model does not support response format `json_schema`.",
        "'response_format.type' must be 'json_object' or 'text'",
        "Invalid schema for response_format 'Out': 'additionalProperties' is required to be supplied and to be false.",
        "Failed to parse grammar of the schema",
        "JSON mode is not enabled for models/gemma-3-27b-it",
        "structured outputs are not supported by this deployment",
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_schema_is_known_in_many_servers_words(message: str, status: int) -> None:
    def refuses(body: dict[str, Any], number: int) -> Any:
        if body.get("response_format", {}).get("type") == "json_schema":
            return status, {}, str(Reply({"error": {"message": message}}).raw, "utf-8")
        return None

    with ModelServer(failing=refuses) as server:
        attempt(server.base, asked(response_format=SCHEMA))
        assert formats(server) == ["json_schema", "json_object"]


def test_falling_back_is_one_attempt_and_the_format_error_stays_visible(tmp_path: Path) -> None:
    with ModelServer(rule=lambda body: "no format at all") as server:
        with opened(server.at("no-format"), tmp_path, adapter="json", budget=Budget(max_calls=1)) as models:
            predict = dspy.Predict("question -> answer")
            with dspy.context(adapter=models.adapter("local")), pytest.raises(dspy.utils.exceptions.AdapterParseError):
                predict(question="hello", lm=models.lm("local"))
            assert (models.ledger.made, models.ledger.retried) == (1, 0)
        assert formats(server) == ["json_schema", "json_object", None]


def test_calls_in_flight_together_all_learn_from_the_first_refusals() -> None:
    async def main(base: str) -> None:
        endpoint = Endpoint("m", base=base, key=None, sampling={}, timeout=5)
        request = asked("Answer as JSON.", response_format=SCHEMA)
        try:
            await asyncio.gather(*(endpoint.acomplete(request) for _ in range(8)))
            await endpoint.acomplete(request)
        finally:
            await endpoint.aclose()

    with ModelServer(latency=0.05) as server:
        asyncio.run(main(server.at("no-format")))
        assert formats(server)[-1] is None
        assert server.calls <= 8 * 3 + 1


def test_a_refusal_of_something_else_leaves_the_format_alone() -> None:
    def refuses(body: dict[str, Any], number: int) -> Any:
        return 400, {}, '{"error": {"message": "Unknown parameter: top_k. Allowed parameters are: response_format"}}'

    with ModelServer(failing=refuses) as server:
        with pytest.raises(RefusesAll, match="Leave top_k out of the profile"):
            attempt(server.base, asked(response_format=SCHEMA), top_k=3)
        assert server.calls == 1


def test_a_refusal_that_names_several_is_followed_one_by_one() -> None:
    def refuses(body: dict[str, Any], number: int) -> Any:
        wrong = [name for name in ("response_format", "top_k") if name in body]
        detail = [{"loc": ["body", name], "msg": "Extra inputs are not permitted"} for name in wrong]
        return (422, {}, str(Reply({"detail": detail}).raw, "utf-8")) if wrong else None

    with ModelServer(failing=refuses) as server:
        with pytest.raises(RefusesAll, match="Leave top_k out of the profile"):
            attempt(server.base, asked(response_format=SCHEMA), top_k=3)
        assert formats(server) == ["json_schema", "json_object", None]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/gpt-5-mini", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("o4-mini-2025", "max_completion_tokens"),
        ("gpt-4.1-nano", "max_tokens"),
        ("o1ive-7b", "max_tokens"),
        ("openai/gpt-oss-20b", "max_tokens"),
    ],
)
def test_reasoning_models_get_the_limit_under_its_other_name(model: str, name: str) -> None:
    assert Dialect(model).spoken({"max_tokens": 9}) == {name: 9}


def test_the_limits_other_name_is_learnt_from_the_servers_words() -> None:
    with ModelServer() as server:
        attempt(server.at("other-limit"), asked(), asked(), model="my-deployment", max_tokens=9)
        assert [sorted(body.keys() - {"model", "messages"}) for body in server.bodies] == [
            ["max_tokens"],
            ["max_completion_tokens"],
            ["max_completion_tokens"],
        ]


def test_a_server_that_knows_neither_name_of_the_limit_is_refused_once() -> None:
    def refuses(body: dict[str, Any], number: int) -> Any:
        name = "max_tokens" if "max_tokens" in body else "max_completion_tokens"
        return 400, {}, f'{{"error": {{"message": "Unsupported parameter: {name}"}}}}'

    async def main(base: str) -> None:
        endpoint = Endpoint("m", base=base, key=None, sampling={"max_tokens": 9}, timeout=5)
        engine = retrying(endpoint)
        try:
            for _ in range(2):
                with pytest.raises(RefusesAll, match="Leave max_completion_tokens out of the profile"):
                    await engine.acomplete(asked())
        finally:
            await endpoint.aclose()

    with ModelServer(failing=refuses) as server:
        asyncio.run(main(server.base))
        assert server.calls == 2
