"""Scheduler: works ahead through everything that was selected, while pytest walks the items one by one.

It runs in the process that owns the run, on the models' event loop. It decides what is under way; how many
calls that may come to at once is the slots' matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from evals.harness.evaluation.barrier import OnceMore, never
from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import PROGRAM, Outcome, row_without_scores
from papillon.errors import place_of
from papillon.results.rows import Row

__all__ = ["PROGRAM", "Job", "Progress", "Scheduler", "result_of"]

T = TypeVar("T")

#: The work in a control's sample, as a share of that in the program's: it makes fewer calls, or none.
CONTROL = 0.2

UNSTARTED = "The run was stopped before this example had its turn; run again to go on, what is recorded is replayed."


@dataclass(frozen=True)
class Job:
    """One sample to take: a subject (the program or a control), an example and a trial."""

    subject: str
    example: Example
    trial: int = 0

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.subject, self.example.id, self.trial)


@dataclass(frozen=True)
class Progress:
    """How far the run is: samples of the program and of controls, ``left`` in seconds, None before there is a pace.

    The means are over the program's rows that have scores, None before the first.
    """

    done: int
    total: int
    controls_done: int
    controls: int
    quality: float | None
    leakage: float | None
    seconds: float
    left: float | None


class Scheduler:
    """Takes jobs in order, ``window`` of them under way at a time, and hands out their outcomes."""

    def __init__(
        self,
        jobs: Sequence[Job],
        work: Callable[[Job, int], Awaitable[Outcome]],
        *,
        window: int,
    ) -> None:
        self.jobs = list(jobs)
        self._work, self._window = work, window
        self._outcomes: dict[tuple[str, str, int], Future[Outcome]] = {job.key: Future() for job in self.jobs}
        self.stopped = False
        self._started, self._ended = time.monotonic(), 0.0
        self._scored: list[Row] = []
        self._done = {True: 0, False: 0}
        #: The work in what was there before, which took no time.
        self._given = 0.0

    def preset(self, outcomes: Mapping[Job, Outcome]) -> None:
        """Take these outcomes as they are; their jobs are not run."""
        for job, outcome in outcomes.items():
            self._finish(job, outcome)
        self._given = self._finished

    @property
    def open_jobs(self) -> list[Job]:
        """The jobs that have no outcome yet."""
        return [job for job in self.jobs if not self._outcomes[job.key].done()]

    async def run(self, once_more: OnceMore = never) -> None:
        """Work through the jobs; when it returns or raises, each job has an outcome or that error.

        Jobs whose outcome waits for a server are tried once more when all others are done, each time that
        ``once_more`` says so; a stop ends that.
        """
        self._started = time.monotonic()
        try:
            waiting = await self._through(enumerate(self.open_jobs))
            while waiting and not self.stopped and await once_more():
                waiting = await self._through((order, job) for order, job, _ in waiting)
            for _, job, outcome in waiting:
                self._finish(job, _without_score(job, UNSTARTED) if self.stopped else outcome)
        except BaseException as error:
            # Whoever waits for an item must learn of it, or the session would hang.
            for future in self._outcomes.values():
                if not future.done():
                    future.set_exception(error)
            raise
        finally:
            self._ended = time.monotonic()

    async def _through(self, jobs: Iterable[tuple[int, Job]]) -> list[tuple[int, Job, Outcome]]:
        """Take numbered jobs; those that wait for a server are given back with what they have."""
        room = asyncio.Semaphore(self._window)
        waiting: list[tuple[int, Job, Outcome]] = []

        async def take(order: int, job: Job) -> None:
            try:
                outcome = await self._work(job, order)
            except Exception as error:
                # A fault of the harness itself: it costs this example its score and the run its pass, nothing else.
                fault = f"The harness failed on this example: {type(error).__name__} ({place_of(error)})."
                outcome = _without_score(job, fault)
            finally:
                room.release()
            if outcome.waits:
                waiting.append((order, job, outcome))
            else:
                self._finish(job, outcome)

        async with asyncio.TaskGroup() as under_way:
            for order, job in jobs:
                await room.acquire()
                if self.stopped:
                    self._finish(job, _without_score(job, UNSTARTED))
                    room.release()
                else:
                    under_way.create_task(take(order, job))
                    # Its first call goes out before the next job's prompt is written.
                    await asyncio.sleep(0)
        return sorted(waiting, key=lambda each: each[0])

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self._done[job.subject == PROGRAM] += 1
        if job.subject == PROGRAM and outcome.row.status != "infrastructure_error":
            self._scored.append(outcome.row)
        self._outcomes[job.key].set_result(outcome)

    def stop(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self.stopped = True

    def outcomes(self, jobs: Iterable[Job], waiting: Callable[[], None] | None = None) -> list[Outcome]:
        """The jobs' outcomes, waited for; ``waiting`` is called every half second meanwhile."""
        return [result_of(self._outcomes[job.key], waiting) for job in jobs]

    def known(self, jobs: Iterable[Job]) -> list[Outcome]:
        """The outcomes that are there already, in the jobs' order."""
        return [done.result() for job in jobs if (done := self._outcomes[job.key]).done()]

    @property
    def seconds(self) -> float:
        """How long the work has taken, or took."""
        return (self._ended or time.monotonic()) - self._started

    @property
    def _finished(self) -> float:
        """The work in the jobs that have an outcome, a sample of the program being 1."""
        return self._done[True] + CONTROL * self._done[False]

    def progress(self) -> Progress:
        """How far the run is at this moment."""
        rows = self._scored[:]
        seconds = self.seconds
        total = sum(job.subject == PROGRAM for job in self.jobs)
        worked = self._finished - self._given
        left = total + CONTROL * (len(self.jobs) - total) - self._finished

        def mean(metric: str) -> float | None:
            values = [score for row in rows if (score := row.score(metric)) is not None]
            return sum(values) / len(values) if values else None

        return Progress(
            done=self._done[True],
            total=total,
            controls_done=self._done[False],
            controls=len(self.jobs) - total,
            quality=mean("quality"),
            leakage=mean("leakage"),
            seconds=seconds,
            left=seconds / worked * left if worked else None,
        )


def result_of(future: Future[T], waiting: Callable[[], None] | None = None) -> T:
    """A future's result, waited for; ``waiting`` is called every half second meanwhile."""
    while waiting is not None and not future.done():
        try:
            future.result(timeout=0.5)
        except TimeoutError:
            waiting()
    return future.result()


def _without_score(job: Job, error: str) -> Outcome:
    return Outcome(row_without_scores(job.example, job.trial, 0.0, error))
