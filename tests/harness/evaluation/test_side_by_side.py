"""What of one example's evaluation runs beside what: the judge asks as early as it can, and last in line."""

from __future__ import annotations

import asyncio

import dspy

from evals.harness.evaluation.scoring import UntrustedModel
from judges.judge import Leakage, Quality
from papillon.models.turn import JUDGE_DEPTH, current_turn
from tests.harness.evaluation.test_scoring import Doing, SetJudge, run


class TestSideBySide:
    def test_leakage_is_judged_before_the_untrusted_model_has_answered(self) -> None:
        judging = asyncio.Event()

        class Waiting:
            async def acall(self, request: str) -> str:
                await asyncio.wait_for(judging.wait(), 5)
                return "an answer"

        class Telling(SetJudge):
            async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
                judging.set()
                return await super().leakage(units, request)

        program = Doing()
        program.untrusted = UntrustedModel(Waiting())
        assert run(program, Telling()).row.status == "scored"

    def test_quality_does_not_wait_for_leakage(self) -> None:
        judging = asyncio.Event()

        class Slow(SetJudge):
            async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
                await asyncio.wait_for(judging.wait(), 5)
                return await super().leakage(units, request)

            async def quality(self, query: str, answer: str, target: str) -> Quality:
                judging.set()
                return await super().quality(query, answer, target)

        assert run(Doing(), Slow()).row.status == "scored"

    def test_the_judges_calls_are_last_in_line_and_the_chains_are_not(self) -> None:
        depths: dict[str, int] = {}

        def note(name: str) -> None:
            turn = current_turn.get()
            assert turn is not None
            assert turn.order == 5
            depths[name] = turn.depth

        class Noting(SetJudge):
            async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
                note("leakage")
                return Leakage(0)

            async def quality(self, query: str, answer: str, target: str) -> Quality:
                note("quality")
                return Quality(1)

        class Program(Doing):
            async def acall(self, *, user_query: str) -> dspy.Prediction:
                answer = await super().acall(user_query=user_query)
                await asyncio.sleep(0.01)
                note("program")
                return answer

        run(Program(), Noting())
        assert depths == {"program": 0, "leakage": JUDGE_DEPTH, "quality": JUDGE_DEPTH}
