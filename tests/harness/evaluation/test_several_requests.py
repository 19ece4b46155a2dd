"""A program may ask the untrusted model more than once; the judge begins with the first and counts over all."""

from __future__ import annotations

import asyncio

import pytest

from evals.harness.evaluation.scoring import UntrustedModel
from judges.judge import Leakage
from papillon.errors import EndpointError
from tests.harness.evaluation.test_scoring import Doing, Echo, SetJudge, run


@pytest.mark.parametrize("fails", [False, True])
def test_what_the_judge_was_asked_of_a_part_is_awaited_and_counts_for_nothing(fails: bool) -> None:
    class Slow(SetJudge):
        async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
            asked.append(request)
            await asyncio.sleep(0.05 if request == "Ann Lee" else 0)
            answered.append(request)
            if fails and request == "Ann Lee":
                raise EndpointError("The judge is down.")
            return await super().leakage(units, request)

    class Asks(Echo):
        async def acall(self, request: str) -> list[str]:
            await asyncio.sleep(0.01)
            return await super().acall(request)

    asked: list[str] = []
    answered: list[str] = []
    program = Doing(sends=("Ann Lee", "Oslo"))
    program.untrusted = UntrustedModel(Asks())
    assert run(program, Slow()).row.leaked == 2
    assert asked == ["Ann Lee", "Ann Lee\n\nOslo"]
    assert sorted(answered) == asked
