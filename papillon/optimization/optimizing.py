"""Prompt optimisation: DSPy's GEPA, MIPROv2 or SIMBA over the program, within a number of model calls.

Private things stay where they were: whatever an optimizer asks on its own account (reflection, proposals, advice) shows
queries and answers, so it is asked of the local model, or of another that the user trusts as much; the untrusted one
receives ``llm_request`` and nothing else here too. Optimizers see the train split alone: a part of it to learn from,
the rest (validation) to choose by. Dev and test are never shown to them; scoring on dev is the caller's matter. What
ends an optimizer early, and which candidate is the best, is for :mod:`papillon.optimization.candidates`.
"""

from __future__ import annotations

import importlib.util
import os
import random
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import dspy

from papillon.errors import PapillonError, UsageError
from papillon.files import open_in_place
from papillon.models.roles import Models
from papillon.optimization.candidates import CandidateWatch

__all__ = ["OPTIMIZERS", "Optimized", "Optimizer", "check_optimizer", "optimize"]

Optimizer = Literal["gepa", "mipro", "simba"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

#: The least room for an answer, in tokens, where a model writes about prompts instead of within them.
REFLECTION_TOKENS = 400


@dataclass(frozen=True)
class Optimized:
    """What an optimisation came to.

    ``program`` is the candidate with the highest mean score on the ``validation`` examples, the first of equals, so
    the program itself where nothing beat it. ``before`` and ``after`` are its mean and the winner's, in 0..1, None
    where the calls did not suffice to score the program itself. An example whose judging a provider's filter refused is
    none of ``validation``. ``candidates`` counts the different prompts that were scored in full. ``calls`` are the keys
    of the recorded calls that it rests on, ``made`` how many were made now.
    ``ended`` is None where the optimizer ran its course, BudgetSpent where the calls ran out, else what failed.
    """

    program: dspy.Module
    before: float | None
    after: float | None
    candidates: int
    validation: int
    calls: frozenset[str]
    made: int
    ended: PapillonError | None

    @property
    def changed(self) -> bool:
        """Whether a candidate beat the program itself."""
        return self.after != self.before


def check_optimizer(name: str) -> Optimizer:
    """The optimizer of that name; UsageError for an unknown one, or one whose package is missing."""
    if name not in OPTIMIZERS:
        raise UsageError(f"--optimizer: expected one of {', '.join(OPTIMIZERS)}, got {name!r}; name one of these.")
    if name == "mipro" and importlib.util.find_spec("optuna") is None:
        raise UsageError(
            "--optimizer mipro: MIPROv2 needs optuna, which is not installed: install it with "
            "pip install 'papillon-evals[optimize]', or take gepa or simba."
        )
    return name


def optimize(
    optimizer: Optimizer,
    program: dspy.Module,
    examples: Sequence[dspy.Example],
    metric: Callable[[dspy.Example, dspy.Prediction], dspy.Prediction],
    models: Models,
    *,
    max_calls: int,
    calls_per_example: int = 3,
    threads: int = 4,
    seed: int = 0,
    reflecting: str = "local",
    log: Path,
    say: Callable[[str], None] = print,
) -> Optimized:
    """Look for better prompts for ``program`` with at most ``max_calls`` recorded calls, whether made or replayed.

    ``examples`` are the train split's; ``metric`` gives a prediction with ``score`` (0..1) and ``feedback``, and its
    calls count too. ``calls_per_example`` is what one run with its judging takes; how many candidates, trials or steps
    the optimizer plans follows from it. ``reflecting`` is the role of the model that writes about prompts. The same
    arguments over the same records give the same program without a call. What the libraries print goes to the file
    ``log``. Raises UsageError where fewer than two examples differ.
    """
    runs = max(1, max_calls // calls_per_example)
    train, validation = _parts(examples, runs, seed)
    ledger, budget = models.ledger, models.budget
    used, made, cap = set(ledger.used), ledger.made, budget.max_calls
    names = {example.user_query: f"train-{place:04d}" for place, example in reversed(list(enumerate(examples)))}
    watch = CandidateWatch(
        validation,
        metric,
        lambda: len(ledger.used) - len(used),
        max_calls,
        say,
        names,
        models.reach_again,
        type(program),
    )
    local = watch.lm(models, "local")
    room, reflection = models.settings[reflecting].max_tokens, watch.lm(models, reflecting)
    if room and room < REFLECTION_TOKENS:
        reflection = reflection.copy(max_tokens=REFLECTION_TOKENS)
    student = program.deepcopy()
    student.untrusted_model = watch.lm(models, "untrusted")
    student.set_lm(local)
    plan = _Plan(watch, train, validation, reflection, runs, threads, seed)
    budget.max_calls = budget.calls + max_calls
    try:
        with (
            open(open_in_place(log, os.O_WRONLY | os.O_TRUNC, 0o666), "w", encoding="utf-8") as file,
            redirect_stdout(file),
            redirect_stderr(file),
            dspy.context(
                lm=local,
                adapter=models.adapter("local"),
                callbacks=[watch],
                disable_history=True,
                max_errors=1_000_000,
                warn_on_type_mismatch=False,
            ),
            watch.listening(),
        ):
            # SIMBA never scores the program itself before its end; the others find these calls recorded.
            dspy.Evaluate(devset=validation, metric=watch.score, num_threads=threads)(student)
            getattr(plan, optimizer)(student)
    finally:
        watch.settle()
        budget.max_calls = cap
    best = program.deepcopy()
    before, after = watch.apply_best(best)
    return Optimized(
        best,
        before,
        after,
        candidates=len(watch.means()),
        validation=watch.validation,
        calls=frozenset(set(ledger.used) - used),
        made=ledger.made - made,
        ended=watch.failure,
    )


def _parts(examples: Sequence[dspy.Example], runs: int, seed: int) -> tuple[list[dspy.Example], list[dspy.Example]]:
    """What to learn from, and what to choose by: a fifth of the runs scores one candidate on all of that."""
    distinct = list({example.user_query: example for example in examples}.values())
    if len(distinct) < 2:
        raise UsageError(
            f"Expected at least 2 different queries in the train split, got {len(distinct)}; use a larger data set."
        )
    random.Random(seed).shuffle(distinct)  # noqa: S311
    chosen = min(len(distinct) // 2, max(2, runs // 5))
    return distinct[chosen:], distinct[:chosen]


@dataclass(frozen=True)
class _Plan:
    """The three optimizers with settings that spend about ``runs`` runs of the program."""

    watch: CandidateWatch
    train: list[dspy.Example]
    validation: list[dspy.Example]
    reflection: dspy.LM
    runs: int
    threads: int
    seed: int

    def gepa(self, student: dspy.Module) -> None:
        dspy.GEPA(
            metric=self.watch.metric,
            max_metric_calls=2 * self.runs,
            reflection_lm=self.reflection,
            num_threads=self.threads,
            seed=self.seed,
        ).compile(student, trainset=self.train, valset=self.validation)

    def mipro(self, student: dspy.Module) -> None:
        candidates = min(10, max(2, self.runs // (2 * len(self.validation))))
        dspy.MIPROv2(
            metric=self.watch.score,
            prompt_model=self.reflection,
            auto=None,
            num_candidates=candidates,
            max_bootstrapped_demos=2,
            # A labelled example has no llm_request and no response of ours: nothing to show the predictors.
            max_labeled_demos=0,
            num_threads=self.threads,
            seed=self.seed,
        ).compile(
            student,
            trainset=self.train[: max(2, self.runs // 4)],
            valset=self.validation,
            num_trials=2 * candidates,
            minibatch=False,
        )

    def simba(self, student: dspy.Module) -> None:
        # SIMBA chooses by what it learns from; with all of it in each batch, every candidate is scored on all.
        size = len(self.validation)
        candidates = min(6, max(2, self.runs // (4 * size)))
        dspy.SIMBA(
            metric=self.watch.metric,
            prompt_model=self.reflection,
            bsize=size,
            num_candidates=candidates,
            max_steps=max(1, self.runs // (size * (2 * candidates + 1))),
            max_demos=2,
            num_threads=self.threads,
        ).compile(student, trainset=self.validation, seed=self.seed)
