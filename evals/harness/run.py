"""Run: one evaluation under way, in the process that owns it; answers the items' questions.

It holds the models, the scheduler and the rows. What is printed and written is left to reports over its state.
"""

from __future__ import annotations

import datetime
import gc
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from evals.harness.causes import Told, causes_of
from evals.harness.evaluation.barrier import Barrier
from evals.harness.evaluation.judge_cases import Case, Examination, examine_judge
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scheduler import PROGRAM, Job, Scheduler, result_of
from evals.harness.leaving import Leaving
from evals.harness.needs import Needs
from evals.harness.plan import JUDGED, Plan
from evals.harness.row_cache import RowCache
from evals.harness.selection import Selection
from evals.harness.showing import Showing
from evals.harness.split_verdicts import SplitVerdicts, Waiting
from evals.harness.verdicts.judge_bars import judge_bars
from judges.labels.cases import LabelledCases
from papillon.errors import UsageError
from papillon.models.budget import Budget
from papillon.models.ledger import Ledger
from papillon.results import GateResult, Row
from papillon.results.folder import RUNS, new_id
from papillon.store import Store, export_used, import_files

if TYPE_CHECKING:
    from evals.harness.evaluation.subjects import Subjects

__all__ = ["Run", "Waiting"]


class Run:
    """Works ahead through what a selection needs once the first item asks; every answer waits for its own rows only."""

    def __init__(self, plan: Plan, selection: Selection, showing: Showing | None = None) -> None:
        self.plan, self.selection = plan, selection
        settings = plan.settings
        self.started = datetime.datetime.now(datetime.UTC)
        self.id = new_id(settings.profile.name, self.started)
        self.leaving = Leaving(settings, self.id, showing, plan.labels)
        self._begun_at = time.monotonic()
        self._seconds: float | None = None
        self.finished: datetime.datetime | None = None
        self.imported: str | None = None
        self.ledger = Ledger()
        self.budget = Budget(settings.max_calls, settings.max_cost)
        needs = Needs(plan, selection)
        self.gates, self.controls, self.examples, self._jobs = needs.gates, needs.controls, needs.examples, needs.jobs
        # Wide enough that judges' calls fill the slots to the end; few slots do not run dry, and results come soon.
        slots = settings.profile.concurrency
        window = slots if slots <= 4 else 4 * slots
        self.scheduler = Scheduler([job for jobs in self._jobs.values() for job in jobs], self._sample, window=window)
        self._of_example: dict[str, list[Job]] = {}
        for (subject, _), jobs in self._jobs.items():
            for job in jobs:
                if subject == PROGRAM:
                    self._of_example.setdefault(job.example.id, []).append(job)
        self.verdicts = SplitVerdicts(plan, self.examples, self.rows)
        self.fingerprint: str | None = None
        self.subjects: Subjects | None = None
        #: Whether an item has asked for anything, so that the work has begun.
        self.begun = False
        self._starting = threading.Lock()
        self._told = Told()
        self._work: Future[None] | None = None
        #: What :meth:`close` lets go of.
        self._opened = ExitStack()
        #: By question and by where the cases are from: written for this, or rows that people labelled.
        self._examined: dict[tuple[str, str], Future[Examination]] = {}
        self.labelled_cases = LabelledCases()
        #: How many of its labelled cases the judge has answered.
        self.cases_answered = 0
        self._said: deque[str] = deque()

    # Doing it

    def prepare(self) -> None:
        """Take what is kept and open the models for the rest; raises UsageError for what a user can mend.

        No model is asked yet: that begins with :meth:`start`. Where it fails, nothing stays open.
        """
        try:
            self._prepare()
        except BaseException:
            self._opened.close()
            self.leaving.discard()
            raise

    def _prepare(self) -> None:
        settings = self.plan.settings
        if settings.profile.split == "all" and len(self.selection.splits) > 1:
            raise UsageError(
                "--eval-split all: every row is in the one split that is asked for, and both were selected; "
                "say which with -m dev or -m test."
            )
        # What is imported by now stays to the end, so no collection need walk through it, pytest's own included.
        gc.freeze()
        if self.examples:
            self.leaving.open()
        self._import()
        with Store(settings.cache, read_only=True) as store:
            self._cached = RowCache(settings.profile, settings.cache)
            if settings.record != "all":
                taken = self._cached.take(self.scheduler.jobs, store, self.ledger, self.leaving.add)
                self.scheduler.preset(taken)
        self.fingerprint = self._cached.fingerprint
        if not self.selection.judged and not self.scheduler.open_jobs and self.fingerprint is not None:
            return
        # DSPy is imported here and not before: what is kept needs none of it. Its half a million objects stay to
        # the end, so the garbage collector need not walk through them again and again, nor look at every 700th new
        # object of calls that leave few cycles behind: that took 7% of the CPU time with 512 calls in flight.
        gc.disable()
        try:
            from evals.harness.evaluation.subjects import Subjects
            from papillon.models.roles import open_models

            gc.freeze()
        finally:
            gc.enable()
        self._opened.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(20_000, 50, 100)

        models = open_models(
            settings.profile,
            settings.cache,
            record=settings.record,
            budget=self.budget,
            ledger=self.ledger,
            say=self._said.append,
        )
        try:
            self.subjects = Subjects(models, settings.profile)
        except BaseException:
            models.close()
            raise
        self._opened.callback(self.subjects.close)
        self.fingerprint = self.subjects.fingerprint

    def start(self) -> None:
        """Begin with all that was selected, once; what was not prepared before is prepared now."""
        with self._starting:
            if self.begun:
                return
            if self.fingerprint is None:
                self.prepare()
            self.begun = True
            if self.subjects is None:
                return
            loop = self.subjects.models.loop
            tests = self._tests()
            barrier = Barrier(1 + len(tests), self.subjects.models.reach_again)
            self._work = loop.submit(self.subjects.running(self.scheduler, barrier))
            for question, source, cases in tests:
                examining = examine_judge(
                    self.subjects.judge,
                    question,
                    cases=cases,
                    order=len(self.scheduler.jobs),
                    answered=self._case_answered,
                    once_more=barrier.meet,
                )
                self._examined[question, source] = loop.submit(barrier.through(examining))
        # The gates' numpy is imported while the first calls are under way, not after the last.
        import numpy  # noqa: F401

    def _tests(self) -> list[tuple[Literal["leakage", "quality"], str, Sequence[Case] | None]]:
        """The judge's own tests: the question, where its cases are from, and these, None for those that ship."""
        questions = [question for question in JUDGED if question in self.selection.judged]
        if not questions or (labels := self.plan.labels) is None:
            return [(question, "written", None) for question in questions]
        self.labelled_cases = own = labels.cases(self.plan.settings.runs or RUNS)
        people: dict[str, Sequence[Case]] = {"leakage": own.leakage, "quality": own.quality}
        return [
            test
            for question in questions
            for test in ((question, "written", None), (question, "people", people[question]))
        ]

    def waiting(self) -> list[str]:
        """What is new about servers that are waited for, one sentence each; each is given once."""
        return [self._said.popleft() for _ in range(len(self._said))]

    def _case_answered(self) -> None:
        self.cases_answered += 1

    def _import(self) -> None:
        settings = self.plan.settings
        if done := import_files(settings.import_files, settings.cache):
            self.imported = "; ".join(f"{name}: {what}" if len(done) > 1 else str(what) for name, what in done)

    async def _sample(self, job: Job, order: int) -> Outcome:
        assert self.subjects is not None
        outcome = await self.subjects.sample(job, order)
        self.leaving.add(job, outcome)
        if self.subjects.models.keeper.unkept.keys().isdisjoint(outcome.calls):
            self._cached.note(job, outcome)
        return outcome.bare

    def stop(self) -> None:
        """Start no more calls; what has not had its turn ends without a score. From any thread."""
        self.scheduler.stop()
        if self.subjects is not None:
            self.subjects.models.stop_soon()

    def close(self) -> None:
        """Start no more calls, wait for those in flight and their records, and let go of everything."""
        if self.finished is not None:
            return
        with self._opened:
            if self.subjects is not None:
                self._end(self.subjects)
            elif self.fingerprint is not None:
                self._cached.put(self.fingerprint)  # which rows were used
        self._seconds = self.seconds
        self.finished = datetime.datetime.now(datetime.UTC)

    def _end(self, subjects: Subjects) -> None:
        """Wait for what is under way; what has not begun ends without a score."""
        if self._work is None:
            # No item asked: what was selected is without a score, and the models are let go unasked.
            self.scheduler.stop()
            unasked = subjects.running(self.scheduler, Barrier(1, subjects.models.reach_again))
            self._work = subjects.models.loop.submit(unasked)
        under_way: list[Future[Any]] = [self._work, *self._examined.values()]
        if not all(work.done() for work in under_way):
            self.stop()
        wait(under_way)
        self._work.result()
        self._cached.put(subjects.fingerprint)

    @property
    def problems(self) -> list[str]:
        """What keeps the run from a clean end whatever its rows came to: that answers could not be recorded."""
        lost = None if self.subjects is None else self.subjects.models.unrecorded
        return [] if lost is None else [lost]

    @property
    def seconds(self) -> float:
        """How long the run has gone on, from its beginning to its close."""
        return time.monotonic() - self._begun_at if self._seconds is None else self._seconds

    def leave(self, results: str) -> None:
        """Finish the run's folder, with the results beside the rows' texts, or take it away where nothing was asked.

        Raises UsageError where a folder that was named does not hold all.
        """
        if not self.begun:
            self.leaving.discard()
            return
        jobs = [job for (subject, _), jobs in self._jobs.items() if subject == PROGRAM for job in jobs]
        self.leaving.finish(zip(jobs, self.scheduler.outcomes(jobs), strict=True), results)

    def export(self) -> None:
        """Write the recorded calls that the run rests on, where a file was asked for."""
        settings = self.plan.settings
        if settings.export_file is not None:
            export_used(settings.cache, self.ledger.used, settings.export_file)

    # Answering

    def answer(self, question: dict[str, Any], waiting: Waiting = None) -> dict[str, Any]:
        """A question ``{"ask": "example" | "gate", "id": …}`` to a JSON object; blocks until it is known."""
        self.start()
        name = question["id"]
        if question["ask"] == "example":
            jobs = self._of_example[name]
            outcomes = self.scheduler.outcomes(jobs, waiting)
            rows = [outcome.row for outcome in outcomes]
            texts = self.leaving.texts(zip(jobs, outcomes, strict=True), self.plan.models)
            failed = ""
            if causes := causes_of(rows):
                failed = self._told.once(causes[0], causes, name)
                failed = failed if failed == causes[0] else f"No score: {failed}."
            return {"rows": [row.to_json() for row in rows], "failed": failed, "texts": texts}
        if question["ask"] == "gate":
            return {
                "results": [{**result.to_json(), "note": result.note} for result in self.verdicts.gate(name, waiting)]
            }
        if question["ask"] == "control":
            split, _, control = name.partition("-")
            result = self.verdicts.control(control, split, waiting)
            note = self._told.once(result.note, causes_of(self.rows(split, control)), name)
            return {**result.to_json(), "note": note}
        if question["ask"] == "judge":
            found = [self.examination(name, waiting, source=source) for source in self.sources(name)]
            bars = [{**result.to_json(), "note": result.note} for result in self.judge_gates(name)]
            causes = [self._told.once(cause, [cause], name) for each in found for cause in each.causes]
            return {"results": bars, "failed": sum(len(each.report.failed) for each in found), "causes": causes}
        raise KeyError(question["ask"])

    def outcomes(self, split: str, subject: str = PROGRAM, waiting: Waiting = None) -> list[Outcome]:
        """A subject's outcomes on a split, in the split's order, then by trial."""
        return self.scheduler.outcomes(self._jobs.get((subject, split), []), waiting)

    def rows(self, split: str, subject: str = PROGRAM, waiting: Waiting = None) -> list[Row]:
        """A subject's rows on a split."""
        return [outcome.row for outcome in self.outcomes(split, subject, waiting)]

    def examination(self, question: str, waiting: Waiting = None, *, source: str = "written") -> Examination:
        """What came of putting one of its questions to the judge for every case of one source."""
        return result_of(self._examined[question, source], waiting)

    def sources(self, question: str) -> list[str]:
        """Where the cases of a question are from: ``written``, and ``people`` where a run has their labels."""
        return [source for asked, source in self._examined if asked == question]

    def judge_gates(self, question: str) -> list[GateResult]:
        """The bars of the judge's own test; none where an option chose another judge than the profile's."""
        judge = self.plan.settings.profile.judge
        if "--eval-judge" in self.plan.settings.departs:
            return []
        return judge_bars(self.examination(question).report, judge.calibration.get(question, ()))

    @property
    def examined(self) -> list[str]:
        """The questions that the judge was tested on."""
        return list(dict.fromkeys(question for question, _ in self._examined))

    # What is known so far

    @property
    def answered(self) -> list[str]:
        """Those of the questions that are done with."""
        under_way = {question for (question, _), done in self._examined.items() if not done.done()}
        return [question for question in self.examined if question not in under_way]

    def known(self, split: str) -> list[Outcome]:
        """The program's outcomes on a split that are there already, without waiting."""
        return self.scheduler.known(self._jobs.get((PROGRAM, split), []))

    def over(self, split: str, subject: str = PROGRAM) -> bool:
        """Whether all is there that a verdict on a subject rests on; the program's gates may rest on a control too."""
        jobs = list(self._jobs.get((subject, split), []))
        if subject == PROGRAM:
            jobs += self._jobs.get(("local-only", split), [])
        return len(self.scheduler.known(jobs)) == len(jobs)
