"""Improvement: two programs scored on the same examples, as a gate would score them, and the gain between them.

Scoring is the evaluation's, the interval :mod:`evals.harness.verdicts.pairs`'s; who changed the program, and how,
is not known here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import dspy

from evals.harness.evaluation.barrier import Barrier
from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.own_programs import OwnProgram, Threads
from evals.harness.evaluation.scoring import Program, UntrustedModel, evaluate
from evals.harness.evaluation.subjects import evaluating
from evals.harness.evaluation.waiting import each_once_more
from evals.harness.verdicts.pairs import Pairs, mean_by_example, trials_by_example
from evals.harness.verdicts.statistics import Interval
from judges import make_judge
from papillon.errors import InfrastructureError
from papillon.models.ledger import Ledger
from papillon.models.roles import Models
from papillon.optimization.optimizing import Optimized
from papillon.profile import Profile
from papillon.quiet import quiet
from papillon.results.rows import Row
from papillon.tables import Column, table

__all__ = ["gain", "improvement_table", "score_program"]


def score_program(program: dspy.Module, examples: Sequence[Example], models: Models, profile: Profile) -> list[Row]:
    """One row for each example, from the very calls that the split's gates rest on.

    Examples whose models could not be reached are tried once more after the others. Raises InfrastructureError where
    one has no score, since a gain over the rest would be another number. One whose judging a provider's filter refuses
    will never have one: its row stays without, unless that holds for all of them.
    """
    judge = make_judge(profile.judge.kind, models)
    subject = program.deepcopy()
    subject.untrusted_model = UntrustedModel(models.lm("untrusted"))
    subject.set_lm(models.lm("local"))
    asked: Program = subject
    if profile.program_class is not None:
        asked = OwnProgram(profile.program_class, subject, models.lm("local"), Threads(profile.concurrency))

    async def scored() -> list[Outcome]:
        with evaluating(models):
            return await each_once_more(
                lambda order, example: evaluate(asked, judge, example, trial=0, order=order),
                examples,
                lambda outcome: outcome.waits,
                Barrier(1, models.reach_again).meet,
            )

    # What is logged for each failure stands in the rows; a command's screen is no place for tracebacks.
    with quiet(logging.CRITICAL, "dspy", "papillon.program"):
        outcomes = models.loop.run(scored())
    rows = [outcome.row for outcome in outcomes]
    lost = [outcome for outcome in outcomes if outcome.row.status == "infrastructure_error"]
    failed = [outcome.row for outcome in lost if not outcome.withheld or len(lost) == len(rows)]
    if failed:
        raise InfrastructureError(
            f"{len(failed)} of {len(rows)} examples of {examples[0].split} have no score ({failed[0].error}); "
            "run again, what is recorded is replayed."
        )
    return rows


def gain(before: Sequence[Row], after: Sequence[Row], metric: str = "overall") -> Interval:
    """The mean of after − before with its paired 95% interval, clustered by group; in -1..1."""
    sides = [mean_by_example(trials_by_example(rows, metric)) for rows in (before, after)]
    return Pairs(sides[0], sides[1], {row.id: row.group for row in after}).difference.interval()


def improvement_table(
    optimizer: str, found: Optimized, before: Sequence[Row], after: Sequence[Row], ledger: Ledger, width: int = 200
) -> str:
    """One row of figures with its head, and lines for what it says of the optimisation itself and of what it rests on.

    Raises InfrastructureError where no example has a score on both sides.
    """
    both = {row.id for row in before if row.overall is not None} & {row.id for row in after if row.overall is not None}
    if not both:
        raise InfrastructureError(
            "No dev example has a score before and after: a provider's filter refused their judging; set another judge."
        )
    read, written, _ = ledger.tokens(found.calls)
    usd = ledger.usd(found.calls)
    change = gain(before, after)
    paired = f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    scores = [math.fsum(row.overall or 0.0 for row in rows if row.id in both) / len(both) for rows in (before, after)]
    cells = {
        "optimizer": optimizer,
        "calls": f"{len(found.calls)} ({found.made} made)",
        "tokens in/out": f"{read:,}/{written:,}",
        "USD": "unknown" if usd is None else f"{usd:.4f}",
        "before": f"{scores[0]:.3f}",
        "after": f"{scores[1]:.3f}",
        "gain": paired if found.changed else "none: unchanged",
        "n": str(change.n),
    }
    lines = table([Column(name) for name in cells], [list(cells.values())], width)
    if found.before is None or found.after is None:
        said = "the calls ran out before the program itself was scored, so it is saved as it was"
    else:
        said = f"the best of {found.candidates} has {found.after:.3f} there, the program itself {found.before:.3f}"
    ended = "ran its course" if found.ended is None else "ended with its calls"
    lines.append(f"overall on dev; {optimizer} {ended}; chosen on {found.validation} train examples: {said}")
    if left_out := len(before) - len(both):
        lines.append(
            f"{left_out} of {len(before)} dev examples are left out: a provider's filter refused their judging"
        )
    return "\n".join(lines)
