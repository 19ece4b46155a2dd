"""Runs after one in which the judge gave no usable answer: what it said stays recorded, and it is asked anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.lm15 import Request, Response
from dspy.utils.exceptions import LMError

from judges.llm import MOST_ATTEMPTS, LLMJudge
from papillon.errors import Filtered, JudgeError, RecordMissing
from papillon.models.roles import Models
from tests.judges.test_llm import UNITS, ask, chat, in_turn, judging
from tests.model_server import ModelServer


def run(server: ModelServer, cache: Path, record: Any = "new", times: int = 1) -> tuple[list[Any], Models]:
    """What ``times`` askers at once get in a run of their own: a count, or the sentence of its error."""

    async def asked(judge: LLMJudge) -> int | str:
        try:
            return (await judge.leakage(UNITS, "of Oslo")).leaked
        except JudgeError as error:
            return str(error)

    async def together(judge: LLMJudge) -> list[int | str]:
        return await asyncio.gather(*(asked(judge) for _ in range(times)))

    with judging(server, cache, record) as judge:
        return ask(judge, together(judge)), judge.models


def test_a_judge_that_is_well_again_is_asked_once_more_and_the_answer_stays(tmp_path: Path) -> None:
    with ModelServer(rule=in_turn(*["rubbish"] * 3, chat(leaked=1))) as server:
        run(server, tmp_path)
        found, models = run(server, tmp_path)
        assert (found, server.calls, len(models.ledger.asked_again)) == ([1], 4, 1)
        # The answer rests on all four, and what the first three cost is counted.
        assert len(models.ledger.used) == 4
        for record in ("new", "none"):
            found, models = run(server, tmp_path, record)
            assert (found, models.ledger.made, models.ledger.replayed) == ([1], 0, 4)
            assert not models.ledger.asked_again
        assert server.calls == 4


def test_many_who_ask_the_same_at_once_share_the_attempts_of_a_run(tmp_path: Path) -> None:
    with ModelServer(latency=0.01, rule=lambda body: "rubbish") as server:
        for made in (3, 6):
            found, models = run(server, tmp_path, times=8)
            assert (server.calls, models.ledger.made, len(set(found))) == (made, 3, 1)
        assert (
            "in 3 attempts, after 3 of earlier runs: its answer was not in the asked format; run again to" in found[0]
        )


def test_a_strict_replay_says_that_what_is_recorded_is_no_use(tmp_path: Path) -> None:
    with ModelServer(rule=lambda body: "rubbish") as server:
        run(server, tmp_path)
        (said,), _ = run(server, tmp_path, "none")
        assert server.calls == 3
    assert said == (
        "The judge openai/j gave no usable answer to its leakage question in 3 recorded attempts: its answer was "
        "not in the asked format; run with --eval-record new to ask it up to 3 times more, or use a stronger "
        "model as judge (pytest evals -m judges tests it)."
    )


def test_a_strict_replay_without_a_first_attempt_names_the_missing_call(tmp_path: Path) -> None:
    with ModelServer() as server, judging(server, tmp_path, "none") as judge, pytest.raises(LMError) as raised:
        ask(judge, judge.leakage(UNITS, "of Oslo"))
    assert isinstance(raised.value.__cause__, RecordMissing)


def test_where_every_call_is_made_anew_three_attempts_are_made_once(tmp_path: Path) -> None:
    with ModelServer(latency=0.01, rule=lambda body: "rubbish") as server:
        run(server, tmp_path)
        found, models = run(server, tmp_path, "all", times=4)
        assert (server.calls, models.ledger.made, len(models.ledger.used)) == (6, 3, 3)
    assert "in 3 attempts: its answer was not in the asked format; run with --eval-record new to ask" in found[0]


def test_after_thirty_attempts_it_is_asked_no_more(tmp_path: Path) -> None:
    with ModelServer(rule=lambda body: "rubbish") as server:
        for number in range(12):
            (said,), _ = run(server, tmp_path)
            assert server.calls == min(3 * (number + 1), MOST_ATTEMPTS)
            assert ("it is asked no more, so use a stronger model as judge" in said) == (number >= 9)
    assert said.endswith(
        "in 30 recorded attempts: its answer was not in the asked format; it is asked no more, so use a stronger model "
        "as judge, or make every call anew with --eval-record all (pytest evals -m judges tests it)."
    )


def test_an_attempt_in_both_formats_counts_once(tmp_path: Path) -> None:
    with ModelServer(rule=lambda body: "rubbish") as server:
        for calls in (6, 12):
            with judging(server, tmp_path, json_fallback=True) as judge, pytest.raises(JudgeError):
                ask(judge, judge.leakage(UNITS, "of Oslo"))
            assert server.calls == calls


@pytest.mark.parametrize("recorded", [True, False])
def test_a_filter_that_is_recorded_is_one_attempt_and_another_is_no_answer(tmp_path: Path, recorded: bool) -> None:
    class Filtering:
        """Asks ``engine`` where the filter's word is to be recorded, and raises as for a withheld answer."""

        supports_response_schema = True
        supported_params = frozenset({"response_format"})

        def __init__(self, engine: Any) -> None:
            self.engine = engine

        async def complete(self, request: Request) -> Response:
            if recorded:
                await self.engine.acomplete(request)
            raise Filtered("A filter refused this one prompt.")

    with ModelServer() as server, judging(server, tmp_path) as judge:
        blocking = judge.models.lm("judge").engine
        first = dspy.LM(
            "openai/j", engine=blocking, async_engine=Filtering(blocking.engine), cache=False, num_retries=0
        )
        judge.models._lms["judge", 0, 0] = first
        asked = judge.leakage(UNITS, "of Oslo")
        if recorded:
            assert ask(judge, asked).leaked == 0
        else:
            with pytest.raises(LMError) as raised:
                ask(judge, asked)
            assert isinstance(raised.value.__cause__, Filtered)
        assert server.calls == (2 if recorded else 0)
