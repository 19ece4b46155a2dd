"""The barrier: a run's rows and its judge's own test wait for each other before models are tried once more."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Collection, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.evaluation.barrier import Barrier
from evals.harness.evaluation.judge_cases import examine_judge
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import Job, Scheduler
from judges.judge import Leakage
from papillon.errors import Unreachable
from papillon.models.retry import PATIENCE, Retrying
from papillon.models.roles import Models
from tests.harness.evaluation.test_judge_cases import REQUESTS
from tests.harness.evaluation.test_scheduler import jobs, outcome
from tests.papillon.models.test_retry import REQUEST, Served, away
from tests.papillon.models.test_roles import opened

T = TypeVar("T")

ROLES = ("local", "untrusted", "judge")


class FakeTime(asyncio.SelectorEventLoop):
    """A loop whose clock stands still while anything can go on, and jumps to the next timer when nothing can."""

    def __init__(self) -> None:
        loop, self.now = self, 0.0

        class Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
            def select(self, timeout: float | None = None) -> Any:
                assert timeout is not None, "everybody waits, and nobody will go on"
                loop.now += timeout and timeout + 0.001  # a real clock never stops a hair before its timer
                return super().select(0)

        super().__init__(Jumping())

    def time(self) -> float:
        return self.now


def on_fake_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=FakeTime) as runner:
        return runner.run(work)


class Run:
    """Twelve rows that need three models one after the other, beside the test of the judge among them."""

    kind = "llm"

    def __init__(self, models: Models, back: dict[str, float], slow: float) -> None:
        self.models, self.slow = models, slow
        self.asked: Counter[str] = Counter()
        self.given_up: list[str] = []
        self.tried_again: list[str] = []
        models._engines = {role: self.engine(role, back[role]) for role in ROLES}
        self.barrier = Barrier(2, models.reach_again)
        self.scheduler = Scheduler(jobs(12), self.work, window=4)

    def engine(self, role: str, back: float) -> Retrying:
        def clock() -> float:
            return asyncio.get_running_loop().time()

        def say(sentence: str) -> None:
            self.tried_again += [role] * ("once more" in sentence)
            self.given_up += [role] * ("given up" in sentence)

        answering = Served(lambda now: away() if clock() < back else None, clock=clock, sleep=asyncio.sleep, say=say)
        return answering.model

    async def ask(self, role: str) -> None:
        await self.models._engines[role].acomplete(REQUEST)
        await asyncio.sleep(self.slow)

    async def work(self, job: Job, order: int) -> Outcome:
        self.asked[job.example.id] += 1
        try:
            for role in ROLES:
                await self.ask(role)
        except Unreachable:
            return Outcome(outcome(job, status="infrastructure_error").row, {}, waits=True)
        return outcome(job)

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        await self.ask("judge")
        return Leakage(0)

    async def whole(self) -> tuple[int, int]:
        """How many rows and cases have no answer."""
        rows = self.barrier.through(self.scheduler.run(self.barrier.meet))
        judge: Any = self
        cases = examine_judge(judge, "leakage", cases=REQUESTS, once_more=self.barrier.meet)
        _, examined = await asyncio.gather(rows, self.barrier.through(cases))
        outcomes = self.scheduler.outcomes(self.scheduler.jobs)
        return sum(each.row.status != "scored" for each in outcomes), len(examined.report.failed)


def test_an_outage_of_forty_seconds_costs_neither_a_row_nor_a_case(tmp_path: Path) -> None:
    with opened("http://127.0.0.1:9/v1", tmp_path) as models:
        run = Run(models, dict.fromkeys(ROLES, 40.0), slow=0.1)
        assert on_fake_time(run.whole()) == (0, 0)
        assert sorted(run.tried_again) == ["judge", "local"]
        assert set(run.asked.values()) == {2}


@pytest.mark.parametrize("late", ROLES)
def test_models_that_go_away_one_after_another_are_each_tried_again(tmp_path: Path, late: str) -> None:
    # Each is met after the one before it came back, and comes back half a minute and more after that.
    back = {"local": 45.0, "untrusted": 90.0, "judge": 135.0} | {late: 0.0}
    with opened("http://127.0.0.1:9/v1", tmp_path) as models:
        run = Run(models, back, slow=0.1)
        lost, _ = on_fake_time(run.whole())
        assert lost == (0 if late == "judge" else 12)  # the judge's own test has used its turn long before
        assert max(Counter(run.tried_again).values()) == 1


@settings(max_examples=40)
@given(
    back=st.fixed_dictionaries({role: st.floats(0, 200) for role in ROLES}),
    slow=st.sampled_from([0.0, 0.1, 3.0, 20.0]),
)
def test_who_is_back_in_a_minute_costs_nothing_and_who_is_not_ends_the_run_all_the_same(
    tmp_path_factory: pytest.TempPathFactory, back: dict[str, float], slow: float
) -> None:
    with opened("http://127.0.0.1:9/v1", tmp_path_factory.mktemp("cache")) as models:
        run = Run(models, back, slow)
        lost = on_fake_time(run.whole())
    assert max(run.asked.values()) <= len(ROLES) + 1
    assert len(run.tried_again) == len(set(run.tried_again))
    twice = {role for role, times in Counter(run.given_up).items() if times == 2}
    assert (lost == (0, 0)) == (not twice)
    assert all(back[role] > 2 * PATIENCE for role in twice)


def test_parts_that_wait_are_told_at_once_when_the_last_part_at_work_meets_them_or_ends() -> None:
    asked: list[str] = []

    def reach_again(besides: Collection[str]) -> set[str]:
        asked.append("reached")
        return {"judge"}.difference(besides)

    async def waits(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        asked.append(name)
        while await barrier.meet():
            asked.append(f"{name} again")
        return name

    async def ends(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise ValueError("a fault")

    async def main() -> Any:
        nonlocal barrier
        barrier = Barrier(3, reach_again)
        parts = (waits("rows", 1), waits("cases", 2), ends(3))
        return await asyncio.gather(*map(barrier.through, parts), return_exceptions=True)

    barrier: Any = None
    *ended, fault = on_fake_time(main())
    assert (ended, str(fault)) == (["rows", "cases"], "a fault")
    assert asked == ["rows", "cases", "reached", "rows again", "cases again", "reached"]
