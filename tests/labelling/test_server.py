"""The server on the loopback: who may ask it, what it answers, and what it does not."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pytest

from evals.labelling.pages import page
from evals.labelling.server import HOST, LabellingServer, listening
from evals.labelling.sitting import Sitting
from papillon.errors import UsageError
from tests.benchmarks.labelling import waits
from tests.labelling.samples import sitting

Client = Callable[..., Awaitable[tuple[int, Any, Any]]]


def served(now: Sitting, script: Callable[[Client], Awaitable[None]], token: str = "token-of-the-test") -> None:
    """Run a script against a server for a sitting; the client gives status, JSON or text, and headers."""

    async def main() -> None:
        with listening() as sock:
            server = LabellingServer(now, page("judging"), lambda: ["closed"], token)
            serving = asyncio.create_task(server.serve(sock))
            base = f"http://{HOST}:{sock.getsockname()[1]}"
            assert server.address(sock.getsockname()[1]) == f"{base}/{token}/"
            async with aiohttp.ClientSession() as session:

                async def ask(path: str, data: object = None, **given: Any) -> tuple[int, Any, Any]:
                    method = "GET" if data is None else "POST"
                    sent = {} if data is None else {"data": data if type(data) is bytes else json.dumps(data)}
                    async with session.request(method, f"{base}{path}", **sent, **given) as reply:
                        text = await reply.text()
                        return reply.status, json.loads(text) if "json" in reply.content_type else text, reply.headers

                try:
                    await script(ask)
                finally:
                    serving.cancel()
                    await asyncio.wait([serving])

    asyncio.run(main())


ROOT = "/token-of-the-test/"


@pytest.mark.parametrize("path", ["/", "//", "/state", "/token-of-the-tes/", "/token-of-the-test2/", "/%F0%9F%98%80/"])
def test_without_the_token_nothing_is_told(tmp_path: Path, path: str) -> None:
    async def script(ask: Client) -> None:
        for place in (path, f"{path}state"):
            status, text, _ = await ask(place)
            assert status == 403
            assert text.startswith("This address is not known here: open the one that the command prints,")
        assert (await ask(f"{path}answer", {}))[0] == 403

    served(sitting(tmp_path), script)


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example:80"}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
)
def test_another_sites_page_is_refused_also_with_the_token(tmp_path: Path, headers: dict[str, str]) -> None:
    async def script(ask: Client) -> None:
        assert (await ask(ROOT, headers=headers))[0] == 403
        assert (await ask(f"{ROOT}undo", {}, headers=headers))[0] == 403

    served(sitting(tmp_path), script)


def test_the_page_holds_no_text_and_is_kept_nowhere(tmp_path: Path) -> None:
    async def script(ask: Client) -> None:
        status, text, headers = await ask(ROOT)
        assert (status, text) == (200, page("judging").text)
        assert headers["Content-Security-Policy"] == page("judging").policy
        for _, _, each in (await ask(ROOT), await ask(f"{ROOT}state"), await ask("/other/")):
            assert (each["Cache-Control"], each["Referrer-Policy"], each["X-Frame-Options"]) == (
                *("no-store", "no-referrer"),
                "DENY",
            )

    served(sitting(tmp_path), script)


def test_each_answer_brings_what_is_next(tmp_path: Path) -> None:
    now = sitting(tmp_path, 2)

    async def script(ask: Client) -> None:
        _, state, _ = await ask(f"{ROOT}state")
        for left in (1, 0):
            said = {"showing": state["item"]["showing"], "choice": "A", "leakage": [True, False], "comment": ""}
            status, state, _ = await ask(f"{ROOT}answer", said)
            assert (status, state["left"], state["of"], state["problem"]) == (200, left, 2, "")
        assert (state["item"], state["closing"]) == (None, ["closed"])
        _, state, _ = await ask(f"{ROOT}undo", {})
        assert (state["left"], state["closing"]) == (1, [])

    served(now, script)
    assert len(now.labels) == 1


def test_nothing_of_the_row_is_told_beside_its_texts(tmp_path: Path) -> None:
    async def script(ask: Client) -> None:
        _, state, _ = await ask(f"{ROOT}state")
        assert set(state) == {"left", "of", "item", "closing", "problem"}
        assert set(state["item"]) == {"showing", "query", "replies", "requests", "units"}
        assert "dev-" not in json.dumps(state)

    served(sitting(tmp_path), script)


@pytest.mark.parametrize(
    ("data", "status", "problem"),
    [
        (b"{", 400, "Expected an answer as a JSON object; load the page anew."),
        (b"[]", 400, "Expected an answer as a JSON object"),
        (b"\xff", 400, "Expected an answer as a JSON object"),
        (b"[" * 60_000, 400, "Expected an answer as a JSON object"),
        ({}, 409, "This row was answered meanwhile, in another window; here is the next one."),
        ({"choice": "C"}, 409, "expected a choice of A, same, B, cannot tell"),
        ({"choice": "A", "leakage": [True]}, 409, "expected 2 units with yes or no, got 1"),
        ({"choice": "A", "leakage": "all"}, 409, "expected one yes or no for each unit"),
    ],
)
def test_what_is_no_answer_is_said_and_keeps_the_row(tmp_path: Path, data: object, status: int, problem: str) -> None:
    now = sitting(tmp_path)

    async def script(ask: Client) -> None:
        _, before, _ = await ask(f"{ROOT}state")
        said = data | {"showing": before["item"]["showing"]} if isinstance(data, dict) and data else data
        code, after, _ = await ask(f"{ROOT}answer", said)
        assert code == status
        assert after["problem"].startswith(problem)
        assert after["item"] == before["item"]

    served(now, script)
    assert now.labels == []


def test_what_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = sitting(tmp_path)
    monkeypatch.setattr("os.pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    async def script(ask: Client) -> None:
        _, state, _ = await ask(f"{ROOT}state")
        said = {"showing": state["item"]["showing"], "choice": "A", "leakage": [True, False]}
        status, state, _ = await ask(f"{ROOT}answer", said)
        assert (status, state["left"]) == (507, 5)
        assert state["problem"].endswith("cannot be written (No space left on device); mend that and go on.")

    served(now, script)


def test_an_answer_of_half_a_megabyte_and_another_address_are_refused(tmp_path: Path) -> None:
    async def script(ask: Client) -> None:
        assert (await ask(f"{ROOT}answer", {"comment": "a" * (1 << 19)}))[0] == 413
        assert (await ask(f"{ROOT}other"))[0] == 404
        assert (await ask(f"{ROOT}answer"))[0] == 405

    served(sitting(tmp_path), script)


def test_it_ends_when_the_page_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with listening() as sock:
            server = LabellingServer(sitting(tmp_path), page("judging"), list)
            serving = asyncio.create_task(server.serve(sock))
            async with aiohttp.ClientSession() as session, session.post(f"{server.address(sock.getsockname()[1])}end"):
                await asyncio.wait_for(serving, 5)

    asyncio.run(main())


def test_it_listens_on_the_loopback_alone() -> None:
    with listening() as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_is_none_is_said(port: int) -> None:
    with pytest.raises(UsageError, match=f"--port: expected a free port on this machine, got {port}: there is no such"):
        listening(port)


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"got \d+: Address already in use; name another, or none\."):
            listening(taken.getsockname()[1])


def test_two_tokens_are_never_the_same_and_cannot_be_guessed(tmp_path: Path) -> None:
    async def main() -> set[str]:
        return {LabellingServer(sitting(tmp_path), page("judging"), list).token for _ in range(100)}

    tokens = asyncio.run(main())
    assert len(tokens) == 100
    assert all(len(token) == 32 for token in tokens)


@pytest.mark.slow
def test_among_five_thousand_rows_the_next_one_comes_in_under_fifty_milliseconds(tmp_path: Path) -> None:
    seen = waits(tmp_path, 5000, 100)
    assert seen.processor < 10
    assert median(seen.answers) < 50, "the others wait for whatever else runs here"
