"""One attempt at a server, and the retries around it: what is asked again, and what is final."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

import dspy
import pytest
from dspy.lm15 import Config, ContextLengthError, Message, Request, Response

from papillon.errors import EndpointError
from papillon.models.budget import Budget
from papillon.models.failures import RefusesAll, TransientFailure
from papillon.models.ledger import Ledger
from papillon.models.retry import Retrying
from papillon.models.served.endpoint import Endpoint
from papillon.models.slots import AdaptiveSlots
from tests.model_server import Failure, ModelServer


def request(text: str = "hello", **config: Any) -> Request:
    return Request(model="m", messages=(Message.user(text),), system="Be kind.", config=Config(**config))


def ask(server: ModelServer, what: Request | None = None, *, retries: bool = False, **options: Any) -> Response:
    async def main() -> Response:
        endpoint = Endpoint(
            "m",
            base=server.at(name) if (name := options.pop("at", "")) else server.base,
            key=options.pop("key", None),
            sampling=options.pop("sampling", {}),
            timeout=options.pop("timeout", 5),
        )
        try:
            engine: Any = retrying(endpoint, **options) if retries else endpoint
            response: Response = await engine.acomplete(what or request())
            return response
        finally:
            await endpoint.aclose()

    return asyncio.run(main())


def retrying(endpoint: Endpoint, pauses: list[float] | None = None, **changed: Any) -> Retrying:
    async def sleep(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    settings: dict[str, Any] = {
        "max_attempts": 3,
        "deadline": 60,
        "budget": Budget(),
        "slots": AdaptiveSlots(8),
        "ledger": Ledger(),
        "bound": lambda request: 1.0,
        "cost": lambda response: 0.25,
        "sleep": sleep,
    }
    return Retrying(endpoint, **(settings | changed))


def failing(status: int, text: str = "", headers: dict[str, str] | None = None, times: int = 10**9) -> Any:
    def fail(body: dict[str, Any], number: int) -> Failure | None:
        return (status, headers or {}, text) if number <= times else None

    return fail


def test_what_is_sent_is_the_messages_the_sampling_and_the_schema() -> None:
    schema = {"type": "json_schema", "name": "Out", "schema": {"type": "object"}, "strict": True}
    with ModelServer() as server:
        ask(
            server,
            request(response_format=schema, seed=3),
            key="secret",
            sampling={"temperature": 0.5, "top_k": -1, "max_tokens": 7, "top_p": None},
        )
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}],
            "temperature": 0.5,
            "top_k": -1,
            "max_tokens": 7,
            "seed": 3,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "Out", "schema": {"type": "object"}, "strict": True},
            },
        }
    ]
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_the_answer_comes_with_its_usage_and_finish_reason() -> None:
    with ModelServer(rule=lambda body: "fine") as server:
        response = ask(server)
    assert (response.message.text, response.finish_reason) == ("fine", "stop")
    assert response.usage.output_tokens == 1


def test_a_request_of_more_than_a_megabyte_is_sent_without_a_warning() -> None:
    with ModelServer() as server:
        assert ask(server, request("long " * 300_000)).message.text
        assert len(server.bodies[0]["messages"][-1]["content"]) == 1_500_000


def test_an_empty_answer_is_an_answer() -> None:
    with ModelServer(rule=lambda body: "") as server:
        assert ask(server).message.text == ""


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(status: int) -> None:
    with ModelServer(failing=failing(status, times=2)) as server:
        assert ask(server, retries=True).message.text
        assert server.calls == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(400, EndpointError), (401, RefusesAll), (403, RefusesAll), (404, RefusesAll)]
)
def test_a_refusal_is_final_at_once(status: int, kind: type[Exception]) -> None:
    text = json.dumps({"error": {"message": "not like this, sk-abcdef"}})
    with ModelServer(failing=failing(status, text)) as server:
        with pytest.raises(
            kind, match=rf"m at http://127.* refused the call with status {status}: not like this, \[key\]"
        ):
            ask(server, retries=True)
        assert server.calls == 1


def test_a_body_that_is_no_completion_is_asked_again_and_then_an_error() -> None:
    with ModelServer(failing=failing(200, '{"choices": []}')) as server:
        with pytest.raises(EndpointError, match=r"sent a body that is no chat completion .*, after 3 attempts\."):
            ask(server, retries=True)
        assert server.calls == 3


def test_retry_after_is_honoured_and_concurrency_cut() -> None:
    pauses: list[float] = []
    slots = AdaptiveSlots(8)
    with ModelServer(failing=failing(429, headers={"Retry-After": "7"}, times=1)) as server:
        ask(server, retries=True, pauses=pauses, slots=slots)
    assert pauses == [pytest.approx(7.125, abs=0.13)]
    assert slots.limit < 8


def test_pauses_grow_and_the_deadline_ends_them() -> None:
    pauses: list[float] = []
    with ModelServer(failing=failing(503)) as server, pytest.raises(EndpointError, match="after 5 attempts"):
        ask(server, retries=True, pauses=pauses, max_attempts=5)
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(pauses))
    with ModelServer(failing=failing(429, headers={"Retry-After": "100"})) as server:
        with pytest.raises(EndpointError, match="after 1 attempt"):
            ask(server, retries=True, deadline=30)
        assert server.calls == 1


def test_a_body_that_does_not_end_is_no_answer() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while True:
                writer.write(b" " * 2**16)
                await writer.drain()

    async def main() -> None:
        async with await asyncio.start_server(endless, "127.0.0.1", 0) as serving:
            port = serving.sockets[0].getsockname()[1]
            endpoint = Endpoint("m", base=f"http://127.0.0.1:{port}/v1", key=None, sampling={}, timeout=60)
            try:
                await endpoint.acomplete(request())
            finally:
                await endpoint.aclose()

    with pytest.raises(
        EndpointError, match=r"^Model m at http://127\.0\.0\.1:\d+/v1 sent more than 4194304 bytes in place of"
    ):
        asyncio.run(main())


def test_a_packed_body_that_unpacks_to_any_number_is_no_answer() -> None:
    with ModelServer() as server, pytest.raises(EndpointError, match="sent more than 4194304 bytes in place of an"):
        ask(server, at="gzip-bomb")


def test_a_slow_server_is_a_timeout() -> None:
    with (
        ModelServer(latency=1) as server,
        pytest.raises(TransientFailure, match=r"gave no answer within 0\.2 s") as raised,
    ):
        ask(server, timeout=0.2)
    assert raised.value.may_have_cost


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def main() -> None:
        endpoint = Endpoint("m", base=f"http://127.0.0.1:{port}/v1", key=None, sampling={}, timeout=5)
        with pytest.raises(
            TransientFailure, match=rf"127\.0\.0\.1:{port}/v1 cannot be reached \(.*refused.*\)"
        ) as raised:
            await endpoint.acomplete(request())
        assert raised.value.unreachable
        await endpoint.aclose()

    asyncio.run(main())


def test_a_prompt_that_does_not_fit_is_not_the_endpoints_failure() -> None:
    text = json.dumps({"error": {"message": "too long", "code": "context_length_exceeded"}})
    with (
        ModelServer(failing=failing(400, text)) as server,
        pytest.raises(ContextLengthError, match="does not fit"),
    ):
        ask(server, retries=True)


def test_every_attempt_counts_against_the_budget() -> None:
    budget = Budget(max_calls=10, max_cost=10.0)
    with ModelServer(failing=failing(500, times=2)) as server:
        ask(server, retries=True, budget=budget)
    assert budget.calls == 3
    # A server error may have been billed in full; the answer came to what it said.
    assert budget.cost == pytest.approx(1.0 + 1.0 + 0.25)


def test_dspy_sees_an_endpoints_failure_as_its_cause() -> None:
    from tests.fakes import scripted_lm

    def broken(prompt: str) -> str:
        raise EndpointError("Model m is gone.")

    with pytest.raises(dspy.utils.exceptions.LMError) as raised:
        scripted_lm(broken)("hello")
    assert isinstance(raised.value.__cause__, EndpointError)
