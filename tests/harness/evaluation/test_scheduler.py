"""The scheduler works ahead, stops cleanly, and never leaves anyone waiting for an outcome that will not come."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.evaluation.barrier import OnceMore, never
from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import PROGRAM, Job, Scheduler
from papillon.data import PupaRow
from papillon.models.loop import ModelLoop
from papillon.results.rows import Row

Work = Callable[[Job, int], Awaitable[Outcome]]


def jobs(count: int, subject: str = PROGRAM) -> list[Job]:
    rows = [PupaRow("", "", f"query {n}", "a target", "Ann||Bob", "") for n in range(count)]
    return [Job(subject, Example(f"dev-{n:04d}", "dev", row, f"g{n}")) for n, row in enumerate(rows)]


def outcome(job: Job, **changed: Any) -> Outcome:
    scores: dict[str, Any] = {"quality": 1.0, "leaked": 1, "leakage": 0.5, "verbatim_leaked": 1, "overall": 0.75}
    scores["judge_leaked"] = 1
    row: dict[str, Any] = {
        "id": job.example.id,
        "split": "dev",
        "trial": job.trial,
        "group": job.example.group,
        "status": "scored",
        "error": None,
        "verdict": None,
        "units": 2,
        "tutorial_overall": 0.75,
        "seconds": 0.0,
    }
    return Outcome(Row(**(row | scores | changed)), {})


@contextmanager
def working(scheduler: Scheduler, once_more: OnceMore = never) -> Iterator[Future[None]]:
    """The scheduler at work on a loop of its own, as a run has it."""
    loop = ModelLoop()
    work = loop.submit(scheduler.run(once_more))
    try:
        yield work
    finally:
        scheduler.stop()
        work.exception(timeout=5)
        loop.close()


def within(seconds: float, wait: Callable[[], Any]) -> Any:
    """What ``wait`` returns or raises, or a failure where it still waits after ``seconds``."""
    found: Future[Any] = Future()

    def run() -> None:
        try:
            found.set_result(wait())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.result(timeout=seconds)
    except TimeoutError:
        pytest.fail("somebody waits for an outcome that never comes")


def gated() -> tuple[Work, Callable[[], None], list[Job]]:
    """Work that starts and then waits until it is let go; what has started."""
    started: list[Job] = []
    gate = threading.Event()

    async def work(job: Job, order: int) -> Outcome:
        started.append(job)
        while not gate.is_set():
            await asyncio.sleep(0.002)
        return outcome(job)

    return work, gate.set, started


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class TestWorkingAhead:
    def test_no_more_than_the_window_is_under_way_and_slots_are_refilled(self) -> None:
        under_way = most = 0

        async def work(job: Job, order: int) -> Outcome:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001 * (order % 3))
            under_way -= 1
            return outcome(job)

        scheduler = Scheduler(jobs(30), work, window=4)
        with working(scheduler):
            assert len(scheduler.outcomes(scheduler.jobs)) == 30
        assert most == 4

    def test_jobs_start_in_order_before_anybody_asks(self) -> None:
        work, let_go, started = gated()
        scheduler = Scheduler(jobs(6), work, window=3)
        with working(scheduler):
            until(lambda: len(started) == 3)
            assert started == scheduler.jobs[:3]
            let_go()
            scheduler.outcomes(scheduler.jobs)
            assert started == scheduler.jobs

    def test_a_jobs_first_call_goes_out_before_the_next_jobs_prompt_is_written(self) -> None:
        seen: list[str] = []

        async def work(job: Job, order: int) -> Outcome:
            seen.append(f"written {order}")
            await asyncio.sleep(0)
            seen.append(f"sent {order}")
            await asyncio.sleep(0.01)
            return outcome(job)

        scheduler = Scheduler(jobs(3), work, window=3)
        with working(scheduler) as done:
            done.result(5)
        assert seen.index("sent 0") < seen.index("written 2")

    def test_outcomes_come_in_the_order_asked_for(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            await asyncio.sleep(0.002 * (5 - order))
            return outcome(job)

        scheduler = Scheduler(jobs(5), work, window=5)
        asked = [scheduler.jobs[n] for n in (3, 0, 4)]
        with working(scheduler):
            assert [o.row.id for o in scheduler.outcomes(asked)] == [job.example.id for job in asked]

    def test_subjects_and_trials_of_one_example_are_jobs_of_their_own(self) -> None:
        example = jobs(1)[0].example
        mixed = [Job(PROGRAM, example, 0), Job(PROGRAM, example, 1), Job("empty", example, 0)]

        async def work(job: Job, order: int) -> Outcome:
            return outcome(job, error=f"{job.subject} {job.trial}")

        scheduler = Scheduler(mixed, work, window=2)
        with working(scheduler):
            assert [o.row.error for o in scheduler.outcomes(mixed)] == ["program 0", "program 1", "empty 0"]

    def test_what_is_known_beforehand_is_not_done_again(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            done.append(job)
            return outcome(job)

        done: list[Job] = []
        scheduler = Scheduler(jobs(4), work, window=2)
        known = {job: outcome(job, error="known") for job in scheduler.jobs[1:3]}
        scheduler.preset(known)
        assert scheduler.outcomes(scheduler.jobs[1:3]) == list(known.values())
        assert scheduler.open_jobs == [scheduler.jobs[0], scheduler.jobs[3]]
        with working(scheduler):
            assert [o.row.error for o in scheduler.outcomes(scheduler.jobs)] == [None, "known", "known", None]
        assert done == [scheduler.jobs[0], scheduler.jobs[3]]
        assert scheduler.progress().done == 4

    def test_nothing_to_do_is_done_at_once(self) -> None:
        scheduler = Scheduler([], gated()[0], window=1)
        with working(scheduler) as work:
            work.result(timeout=5)
        assert scheduler.outcomes([]) == []
        assert scheduler.progress().total == 0


class TestWaiting:
    def test_waiting_is_told_while_nothing_comes_and_not_afterwards(self) -> None:
        work, let_go, _ = gated()
        scheduler = Scheduler(jobs(1), work, window=1)
        calls = 0

        def waiting() -> None:
            nonlocal calls
            calls += 1
            let_go()

        with working(scheduler):
            assert len(scheduler.outcomes(scheduler.jobs, waiting)) == 1
            assert calls == 1
            scheduler.outcomes(scheduler.jobs, waiting)
            assert calls == 1

    def test_an_outcome_is_waited_for_without_being_told_of_it_too(self) -> None:
        work, let_go, started = gated()
        scheduler = Scheduler(jobs(2), work, window=1)
        with working(scheduler):
            until(lambda: bool(started))
            threading.Timer(0.05, let_go).start()
            assert [o.row.status for o in within(5, lambda: scheduler.outcomes(scheduler.jobs))] == ["scored"] * 2


class TestStopping:
    def test_what_is_under_way_ends_and_the_rest_never_starts(self) -> None:
        work, let_go, started = gated()
        scheduler = Scheduler(jobs(10), work, window=3)
        with working(scheduler):
            until(lambda: len(started) == 3)
            assert not scheduler.stopped
            scheduler.stop()
            assert scheduler.stopped
            let_go()
            rows = [o.row for o in within(5, lambda: scheduler.outcomes(scheduler.jobs))]
        assert [row.status for row in rows] == ["scored"] * 3 + ["infrastructure_error"] * 7
        assert len(started) == 3

    def test_a_row_without_its_turn_says_so_and_has_no_score(self) -> None:
        scheduler = Scheduler(jobs(1), gated()[0], window=1)
        scheduler.stop()
        with working(scheduler):
            (found,) = within(5, lambda: scheduler.outcomes(scheduler.jobs))
        row = found.row
        assert row.error == (
            "The run was stopped before this example had its turn; run again to go on, what is recorded is replayed."
        )
        assert (row.id, row.group, row.units) == ("dev-0000", "g0", 2)
        assert {row.quality, row.verdict, row.leaked, row.leakage, row.verbatim_leaked, row.overall} == {None}
        assert row.tutorial_overall is None
        assert found.calls == {}


class TestAFault:
    """``work`` says that it never raises; where it does all the same, nobody may hang and nothing may be lost."""

    @pytest.mark.parametrize("window", [1, 3])
    def test_whoever_waits_learns_of_it_and_nobody_hangs(self, window: int) -> None:
        async def work(job: Job, order: int) -> Outcome:
            await asyncio.sleep(0.005)
            if order == 1:
                raise ZeroDivisionError("a bug in a program")
            return outcome(job)

        def said(job: Job) -> str:
            try:
                return str(within(5, lambda: scheduler.outcomes([job], waiting=lambda: None))[0].row.error)
            except Exception as error:
                return "".join(traceback.format_exception(error))

        scheduler = Scheduler(jobs(8), work, window=window)
        with working(scheduler):
            told = said(scheduler.jobs[1])
            # What it says may be a row's text.
            assert re.fullmatch(
                r"The harness failed on this example: ZeroDivisionError \(test_scheduler\.py, line \d+\)\.", told
            )
            for job in scheduler.jobs:
                said(job)


class TestProgress:
    def test_it_counts_jobs_and_takes_means_over_the_programs_scored_rows(self) -> None:
        async def work(job: Job, order: int) -> Outcome:
            if job.subject != PROGRAM:
                return outcome(job, quality=0.0, leakage=0.0)
            if order == 2:
                return outcome(job, status="infrastructure_error", quality=None, leakage=None)
            return outcome(job, quality=float(order), leakage=order / 4)

        scheduler = Scheduler([*jobs(3), *jobs(1, "empty")], work, window=1)
        before = scheduler.progress()
        assert (before.done, before.total, before.controls_done, before.controls) == (0, 3, 0, 1)
        assert (before.quality, before.leakage, before.left) == (None, None, None)
        with working(scheduler):
            scheduler.outcomes(scheduler.jobs)
        after = scheduler.progress()
        assert (after.done, after.total, after.controls_done, after.controls) == (3, 3, 1, 1)
        assert (after.quality, after.leakage) == (0.5, 0.125)
        assert after.left == 0.0
        assert after.seconds > 0

    @given(st.integers(0, 19), st.integers(0, 4))
    def test_the_time_left_follows_from_what_was_done_and_not_from_what_was_there(self, there: int, more: int) -> None:
        async def work(job: Job, order: int) -> Outcome:
            return outcome(job)

        known = jobs(20)
        scheduler = Scheduler(known, work, window=1)
        scheduler.preset({job: outcome(job) for job in known[:there]})
        assert scheduler.progress().left is None
        done = min(more, 20 - there)
        for job in known[there : there + done]:
            scheduler._finish(job, outcome(job))
        scheduler._started, scheduler._ended = 0.0, 30.0
        found = scheduler.progress()
        assert found.done == there + done
        assert found.left == (pytest.approx(30.0 / done * (20 - there - done)) if done else None)
