"""What an engine hears of a recorded answer: its text as it can be used. The record keeps what the model said."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import dspy
import pytest

from papillon.models.turn import hearing
from papillon.program import PAPILLON
from papillon.store import Keeper, Record
from tests.model_server import ModelServer, answer_fields
from tests.papillon.models.test_roles import opened

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
        async def put(self, record: Record) -> None:
            await super().put(record)
            await asyncio.sleep(0.2)

    with ModelServer() as server, opened(server.base, tmp_path) as models:
        models._keeper = Slow(models.store)
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
