"""Jobs of the scheduler whose model's server cannot be reached."""

from __future__ import annotations

import asyncio
import threading

import pytest

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import Job, Scheduler
from papillon.models.loop import ModelLoop
from tests.harness.evaluation.test_scheduler import jobs, outcome, until, within, working


class TestAServerThatIsAway:
    """Jobs whose outcome waits for a server have a last turn when all other work is done."""

    @staticmethod
    def lost(job: Job) -> Outcome:
        scores = dict.fromkeys(("quality", "leaked", "leakage", "verbatim_leaked", "overall", "tutorial_overall"))
        row = outcome(job, status="infrastructure_error", error="It cannot be reached.", **scores).row
        return Outcome(row, {}, waits=True)

    def test_they_are_tried_once_more_after_all_others_in_order_and_their_items_wait(self) -> None:
        seen: list[int | str] = []

        async def work(job: Job, order: int) -> Outcome:
            seen.append(order)
            await asyncio.sleep(0.002 * (5 - order))
            return self.lost(job) if order in (1, 2) and "once more" not in seen else outcome(job)

        async def once_more() -> bool:
            seen.append("once more")
            return True

        scheduler = Scheduler(jobs(5), work, window=2)
        loop = ModelLoop()
        done = loop.submit(scheduler.run(once_more))
        rows = [o.row for o in within(5, lambda: scheduler.outcomes(scheduler.jobs))]
        done.result(5)
        loop.close()
        assert [row.status for row in rows] == ["scored"] * 5
        assert sorted(map(str, seen[:5])) == list("01234")
        assert seen[5:] == ["once more", 1, 2]
        assert scheduler.progress().done == 5

    def test_what_is_still_away_then_is_handed_to_its_item(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            tries.append(order)
            return self.lost(job) if order else outcome(job)

        async def once_more() -> bool:
            return len(tries) == 3

        tries: list[int] = []
        scheduler = Scheduler(jobs(3), work, window=3)
        with working(scheduler, once_more):
            rows = [o.row for o in within(5, lambda: scheduler.outcomes(scheduler.jobs))]
        assert [row.error for row in rows] == [None, "It cannot be reached.", "It cannot be reached."]
        assert sorted(tries) == [0, 1, 1, 2, 2]

    def test_nothing_is_tried_once_more_where_nothing_waits(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            return outcome(job)

        async def once_more() -> bool:
            pytest.fail("nothing waits")

        scheduler = Scheduler(jobs(2), work, window=2)
        asyncio.run(scheduler.run(once_more))

    def test_they_are_tried_as_often_as_another_of_their_models_is(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            tries.append(order)
            return outcome(job) if tries.count(order) == 4 else self.lost(job)

        async def once_more() -> bool:
            return True

        tries: list[int] = []
        scheduler = Scheduler(jobs(3), work, window=3)
        asyncio.run(scheduler.run(once_more))
        assert [o.row.status for o in scheduler.outcomes(scheduler.jobs)] == ["scored"] * 3
        assert tries == [0, 1, 2] * 4

    def test_a_stop_while_they_wait_for_other_work_ends_them_without_a_try(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            tries.append(order)
            return self.lost(job)

        async def once_more() -> bool:
            scheduler.stop()
            return True

        tries: list[int] = []
        scheduler = Scheduler(jobs(3), work, window=3)
        asyncio.run(scheduler.run(once_more))
        rows = [o.row for o in scheduler.outcomes(scheduler.jobs)]
        assert all("run again to go on" in str(row.error) for row in rows)
        assert tries == [0, 1, 2]

    def test_a_stop_ends_them_at_once_and_says_how_to_go_on(self) -> None:
        let_go = threading.Event()

        async def work(job: Job, order: int) -> Outcome:
            tries.append(order)
            if order:
                return self.lost(job)
            while not let_go.is_set():
                await asyncio.sleep(0.002)
            return outcome(job)

        tries: list[int] = []
        scheduler = Scheduler(jobs(3), work, window=3)
        with working(scheduler):
            until(lambda: len(tries) == 3)
            scheduler.stop()
            let_go.set()
            rows = [o.row for o in within(5, lambda: scheduler.outcomes(scheduler.jobs))]
        assert [row.status for row in rows] == ["scored", "infrastructure_error", "infrastructure_error"]
        assert all("run again to go on" in str(row.error) for row in rows[1:])
        assert sorted(tries) == [0, 1, 2]
