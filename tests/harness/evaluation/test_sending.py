"""What a program sends is heard with what came back, and a judge's call that was begun on it is always waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scoring import UntrustedModel, evaluate
from judges.judge import Judge, Leakage
from papillon.models.adapters import adapter_for
from papillon.program import PAPILLON
from tests.fakes import scripted_lm
from tests.harness.evaluation.test_scoring import Doing, Echo, SetJudge, example


def run(program: Any, judge: Judge | None = None) -> Outcome:
    return asyncio.run(evaluate(program, judge or SetJudge(), example(), trial=0, order=0))


class Slow(SetJudge):
    """Takes its time with the first count, and knows which were finished."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: list[str] = []

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        found = await super().leakage(units, request)
        await asyncio.sleep(0.05)
        self.finished.append(request)
        return found


class Pausing(Doing):
    """Leaves the judge time to begin between its requests."""

    async def acall(self, *, user_query: str) -> dspy.Prediction:
        for request in self.sends:
            await self.untrusted.acall(request)
            await asyncio.sleep(0.01)
        return dspy.Prediction(response="An answer.")


def test_a_second_request_lets_the_judges_call_on_the_first_come_to_its_end() -> None:
    judge = Slow()
    row = run(Pausing(sends=("Ann Lee", "Oslo")), judge).row
    assert judge.finished == ["Ann Lee", "Ann Lee\n\nOslo"]
    assert (row.status, row.leaked, row.judge_leaked) == ("scored", 2, 2)


def test_one_that_failed_on_the_first_alone_costs_the_row_nothing() -> None:
    class FailsOnce(SetJudge):
        async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
            if request == "Ann Lee":
                raise RuntimeError("no answer")
            return await super().leakage(units, request)

    assert run(Pausing(sends=("Ann Lee", "Oslo")), FailsOnce()).row.status == "scored"


def test_each_request_is_heard_with_its_own_response_whatever_comes_first() -> None:
    class Late(Echo):
        async def acall(self, request: str) -> list[str]:
            await asyncio.sleep(0.02 if request == "first" else 0)
            if request == "third":
                raise ValueError("no response")
            return [f"to {request}"]

    class AtOnce(Doing):
        async def acall(self, *, user_query: str) -> dspy.Prediction:
            asked = (self.untrusted.acall(request) for request in ("first", "second", "third"))
            await asyncio.gather(*asked, return_exceptions=True)
            return dspy.Prediction(response="An answer.")

    program = AtOnce()
    program.untrusted = UntrustedModel(Late())
    heard = run(program).heard
    assert heard.requests == ("first", "second", "third")
    assert heard.responses == ("to first", "to second", None)


def test_a_program_that_blocks_is_heard_too() -> None:
    class Blocking(Doing):
        async def acall(self, *, user_query: str) -> dspy.Prediction:
            await asyncio.to_thread(self.untrusted, "Oslo")
            return dspy.Prediction(response="An answer.")

    program = Blocking()
    program.untrusted = UntrustedModel(lambda request: [{"text": f"to {request}"}])
    heard = run(program).heard
    assert (heard.requests, heard.responses) == (("Oslo",), ("to Oslo",))


def test_what_a_model_wrote_out_of_format_is_heard_whole() -> None:
    program = PAPILLON(untrusted_model=UntrustedModel(Echo()))
    program.set_lm(scripted_lm(lambda prompt: "I would rather sing."))
    with dspy.context(adapter=adapter_for("chat", json_fallback=False)):
        found = run(program)
    assert found.row.status == "program_error"
    assert found.heard.fault is not None
    assert found.heard.fault.unparsed == "I would rather sing."
