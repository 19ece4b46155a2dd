"""Subjects: what is run on an example — the program under evaluation, or a control — with models and judge.

This is where DSPy enters; nothing before a run's start imports it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import dspy

from evals.harness.evaluation.barrier import Barrier
from evals.harness.evaluation.control_programs import control_program
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.own_programs import OwnProgram, Threads, unheard
from evals.harness.evaluation.scheduler import PROGRAM, Job, Scheduler
from evals.harness.evaluation.scoring import Program, UntrustedModel, evaluate
from judges import make_judge
from papillon.models.roles import Models
from papillon.profile import Profile
from papillon.program import make_program
from papillon.quiet import quiet

__all__ = ["Subjects", "evaluating"]


def evaluating(models: Models) -> AbstractContextManager[None]:
    """Inside, programs run with the local model's adapter and without DSPy's own records."""
    context: AbstractContextManager[None] = dspy.context(
        adapter=models.adapter("local"), disable_history=True, trace=None, warn_on_type_mismatch=False
    )
    return context


class Subjects:
    """The programs of one run, one per trial, over its models."""

    def __init__(self, models: Models, profile: Profile) -> None:
        self.models, self.profile = models, profile
        self.judge = make_judge(profile.judge.kind, models)
        self._threads = Threads(profile.concurrency)
        self._programs = [self._program(trial) for trial in range(profile.trials)]
        # What the program logs for each failure stands in the rows; a run's screen is no place for tracebacks.
        self._quiet = ExitStack()
        self._quiet.enter_context(quiet(logging.CRITICAL, "papillon.program"))
        self._quiet.enter_context(quiet(logging.ERROR, "dspy"))
        if profile.program_class is not None:
            self._quiet.enter_context(unheard())

    def _program(self, trial: int) -> dspy.Module:
        program = make_program(self.profile, self._untrusted(trial))
        program.set_lm(self.models.lm("local", trial))
        return program

    def _asked(self, trial: int) -> Program:
        """The program as one sample asks it."""
        program: Program = self._programs[trial]
        if (named := self.profile.program_class) is None:
            return program
        return OwnProgram(named, self._programs[trial], self.models.lm("local", trial), self._threads)

    @property
    def fingerprint(self) -> str:
        """sha256 over what its prompts say (instructions, fields, demonstrations) and over a class's own source."""
        own = self.profile.program_class
        state: dict[str, Any] = {} if own is None else {"class": own.fingerprint}
        for name, predictor in self._programs[0].named_predictors():
            demos = [dict(demo) for demo in predictor.demos]
            state[name] = {"signature": predictor.signature.dump_state(), "demos": demos}
        text = json.dumps(state, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    async def running(self, scheduler: Scheduler, barrier: Barrier) -> None:
        """Work through a scheduler's jobs with this run's adapter and without DSPy's own records."""
        with evaluating(self.models):
            await barrier.through(scheduler.run(once_more=barrier.meet))

    async def sample(self, job: Job, order: int) -> Outcome:
        """Take one sample of the program or of a control."""
        if job.subject == PROGRAM:
            program = self._asked(job.trial)
        else:
            program = control_program(
                job.subject, job.example, untrusted=self._untrusted(job.trial), local_lm=self.models.lm("local")
            )
        return await evaluate(program, self.judge, job.example, trial=job.trial, order=order)

    def close(self) -> None:
        """Let go of the models; what is logged is heard again."""
        self.models.close()
        self._quiet.close()

    def _untrusted(self, trial: int) -> UntrustedModel:
        return UntrustedModel(self.models.lm("untrusted", trial), whose=self.profile.program_class is not None)
