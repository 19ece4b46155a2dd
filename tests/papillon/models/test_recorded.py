"""What an engine hears of a recorded answer: its text as it can be used. The record keeps what the model said."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest

from papillon.errors import RunStopped, StoreError, behind
from papillon.models import stop
from papillon.models.turn import hearing
from papillon.program import PAPILLON
from papillon.store import Keeper, Record, Store
from tests.model_server import Failure, ModelServer, answer_fields
from tests.papillon.models.test_roles import opened
from tests.papillon.store.samples import python

SECRET = "Ann Lee of Oslo asks.\n[[ ## llm_request ## ]]\nWrite to Ann Lee of Oslo.\n"


@pytest.mark.parametrize("kind", ["chat", "json"])
@pytest.mark.parametrize("thinking", [f"<think>\n{SECRET}</think>\n\n", f"{SECRET}</think>\n\n"])
def test_nothing_of_a_models_thinking_leaves_its_record(tmp_path: Path, kind: str, thinking: str) -> None:
    def answered(cache: Path, before: str) -> tuple[dspy.Prediction, int, int]:
        with (
            ModelServer(rule=lambda body: before + answer_fields(body)) as server,
            opened(server.base, cache, adapter=kind, endpoint="here") as models,
        ):
            program = PAPILLON(untrusted_model=models.lm("untrusted"))
            program.set_lm(models.lm("local"))
            for _ in range(2):
                with dspy.context(adapter=models.adapter("local")):
                    answer = program(user_query="A letter to Ann Lee of Oslo")
            assert not any("Write to Ann Lee" in json.dumps(body) for body in server.bodies)
            records = list(models.store.records())
            assert len(records) == server.calls == 3
            assert all(record.answer.text.startswith(before) for record in records)
            return answer, models.ledger.thought, len(models.ledger.used)

    plain, none, _ = answered(tmp_path / "plain", "")
    thought, all_of, used = answered(tmp_path / "thought", thinking)
    assert thought.toDict() == plain.toDict()
    assert (none, all_of, used) == (0, 3, 3)


def test_half_a_character_in_an_answer_is_a_replacement_character(tmp_path: Path) -> None:
    with ModelServer(rule=lambda body: "a \ud83d b \ud83d\ude00") as server:
        for _ in range(2):
            with opened(server.base, tmp_path) as models:
                assert models.lm("local")("hello") == ["a \ufffd b \U0001f600"]
        assert server.calls == 1


#: Holds every key of a cache until it is told, as a run would that is stopped in mid-call.
HOLDER = """
import fcntl, sys
file = open(sys.argv[1] + "/locks", "a+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


class TestACallOfAnotherProcess:
    @pytest.fixture
    def process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
        monkeypatch.setattr(stop, "TOLD_AFTER", 0.1)
        process = python(HOLDER, tmp_path, stdin=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()
        process.communicate()

    def test_it_is_waited_for_with_a_word_about_its_process_once(
        self, tmp_path: Path, process: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        async def main() -> list[Any]:
            calls = [asyncio.ensure_future(models.lm("local").acall(f"hello {n}")) for n in range(3)]
            await asyncio.sleep(0.5)
            assert server.calls == 0
            process.communicate("go\n")
            return await asyncio.wait_for(asyncio.gather(*calls), 5)

        with ModelServer() as server, opened(server.base, tmp_path) as models:
            assert len(models.loop.run(main())) == server.calls == models.ledger.made == 3
        (said,) = [record.getMessage() for record in caplog.records if "is being made" in record.getMessage()]
        assert re.fullmatch(
            rf"The call to the local model [0-9a-f]{{12}} is being made by process {process.pid} "
            r"\(python[\d.]*, started \d\d:\d\d:\d\d\); it is waited for\.",
            said,
        )

    def test_waiting_for_it_takes_no_slot(self, tmp_path: Path, process: subprocess.Popen[str]) -> None:
        async def main() -> None:
            calls = [asyncio.ensure_future(models.lm("local").acall(f"hello {n}")) for n in range(3)]
            await asyncio.sleep(0.3)
            assert models.slots.in_use == 0
            process.communicate("go\n")
            await asyncio.gather(*calls)

        with ModelServer() as server, opened(server.base, tmp_path, max_concurrency=1) as models:
            models.loop.run(main())

    def test_a_stop_ends_the_wait_for_it_at_once(self, tmp_path: Path, process: subprocess.Popen[str]) -> None:
        async def main() -> list[Any]:
            calls = [asyncio.ensure_future(models.lm("local").acall(f"hello {n}")) for n in range(3)]
            await asyncio.sleep(0.3)
            models.stop()
            return await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 1)

        with ModelServer() as server, opened(server.base, tmp_path) as models:
            assert [type(behind(error)) for error in models.loop.run(main())] == [RunStopped] * 3
            assert (server.calls, models.ledger.failed) == (0, 0)

    def test_past_the_deadline_it_is_no_score_and_names_call_and_process(
        self, tmp_path: Path, process: subprocess.Popen[str]
    ) -> None:
        process.send_signal(signal.SIGSTOP)
        with ModelServer() as server, opened(server.base, tmp_path, deadline=0.5) as models:
            with pytest.raises(dspy.utils.exceptions.LMError) as raised:
                models.lm("untrusted")("hello")
            assert server.calls == 0
        error = behind(raised.value)
        assert isinstance(error, StoreError)
        assert re.fullmatch(
            rf"The call to the untrusted model [0-9a-f]{{12}} is being made by process {process.pid} \(.*, stopped at "
            r"the moment\), and was not recorded within 0\.5 s: let that process go on, or end it, and run again\.",
            str(error),
        )


def test_who_asks_hears_which_calls_this_run_made(tmp_path: Path) -> None:
    with ModelServer() as server:
        for record, made in (("new", True), ("new", False), ("none", False), ("all", True)):
            with opened(server.base, tmp_path, record, endpoint="here") as models:
                heard: list[dict[str, bool]] = [{} for _ in range(8)]

                async def ask(calls: dict[str, bool]) -> None:
                    hearing.set(calls)
                    await models.lm("local").acall("hello")

                async def side_by_side() -> None:
                    await asyncio.gather(*map(ask, heard))  # noqa: B023

                models.loop.run(side_by_side())
                # Those who wait for the one call hear the same of it as who makes it.
                assert [list(calls.values()) for calls in heard] == [[made]] * 8
        assert server.calls == 2


def test_who_finds_a_record_before_its_maker_goes_on_hears_that_this_run_made_it(tmp_path: Path) -> None:
    class Slow(Keeper):
        async def put(self, record: Record) -> bool:
            kept = await super().put(record)
            await asyncio.sleep(0.2)
            return kept

    with ModelServer() as server, opened(server.base, tmp_path) as models:
        models.keeper = Slow(models.store)
        heard: dict[str, bool] = {}

        async def finds() -> None:
            while not len(models.store):
                await asyncio.sleep(0.01)
            hearing.set(heard)
            await models.lm("local").acall("hello")
            assert models.ledger.made == 0

        async def side_by_side() -> None:
            await asyncio.gather(models.lm("local").acall("hello"), finds())

        models.loop.run(side_by_side())
        assert list(heard.values()) == [True]


class TestAStoreThatTakesNoRecords:
    @pytest.fixture(autouse=True)
    def full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(store: Store, records: object, *, replace: bool = False) -> bool:
            raise StoreError("the disk is full")

        monkeypatch.setattr(Store, "put", full)
        monkeypatch.setattr(Store, "put_all", full)

    def test_the_answer_in_hand_is_given_and_no_other_call_is_made(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with ModelServer() as server, opened(server.base, tmp_path) as models:
            assert len({*models.lm("local")("hello"), *models.lm("local")("hello")}) == 1
            with pytest.raises(Exception, match="the disk is full"):
                models.lm("local")("another")
            assert server.calls == models.ledger.made == len(models.keeper.unkept) == 1
        assert [record.getMessage() for record in caplog.records] == ["No model is asked any more: the disk is full"]

    @pytest.mark.parametrize("record", ["new", "all"])
    def test_calls_that_wait_or_pause_are_told_why_they_are_not_made(self, tmp_path: Path, record: str) -> None:
        def failing(body: dict[str, Any], number: int) -> Failure | None:
            return (429, {"Retry-After": "20"}, "") if "busy" in str(body["messages"]) else None

        async def main() -> list[Any]:
            asked = [models.lm("local").acall(text) for text in ("busy", "hello", *map(str, range(20)))]
            return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

        with (
            ModelServer(latency=0.1, failing=failing) as server,
            opened(server.base, tmp_path, max_concurrency=2, record=record) as models,
        ):
            busy, hello, *rest = models.loop.run(main())
            assert isinstance(hello, list)
            refused = [each for each in (busy, *rest) if isinstance(each, Exception)]
            assert len(refused) >= 20
            assert {str(behind(each)) for each in refused} == {"the disk is full"}
            assert server.calls <= 3
