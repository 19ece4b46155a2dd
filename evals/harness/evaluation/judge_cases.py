"""Judge cases: the configured judge's two questions, put to it for every labelled case.

The cases, and the figures that answers come to, are :mod:`judges.calibration`'s. Imports no DSPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.harness.evaluation.barrier import OnceMore, never
from evals.harness.evaluation.waiting import each_once_more
from judges.calibration import LeakageAnswer, QualityAnswer, judge_report, leakage_cases, quality_cases
from judges.cases import LeakageCase, QualityCase
from judges.judge import Judge
from judges.lexical import leaked_units
from papillon.errors import Unreachable, behind, cause_of
from papillon.models.turn import Turn, current_turn
from papillon.results.judging import JudgeReport

__all__ = ["Case", "Examination", "examine_judge"]

Case = LeakageCase | QualityCase


@dataclass(frozen=True)
class Examination:
    """A judge's report on one set of cases, why each of ``report.failed`` has no answer, and the calls it rests on."""

    report: JudgeReport
    causes: tuple[str, ...]
    keys: tuple[str, ...]


async def examine_judge(
    judge: Judge,
    question: Literal["leakage", "quality"],
    *,
    cases: Sequence[Case] | None = None,
    order: int = 0,
    answered: Callable[[], None] = lambda: None,
    once_more: OnceMore = never,
) -> Examination:
    """Put one of a judge's two questions to it for every case, all at once; the models' slots bound the calls.

    ``cases`` are the project's own by default, else those of rows that people labelled, which may be none; ``order``
    is the calls' place in the run; ``answered`` is called after each case. Cases whose judge could not be reached are
    put once more after the others, each time that ``once_more`` says so. A case that the judge does not answer, for
    whatever reason, counts as failed; never raises for what a model or the judge did.
    """
    written = leakage_cases if question == "leakage" else quality_cases
    asked: Sequence[Case] = written() if cases is None else cases
    if not asked:
        return Examination(JudgeReport(question, 0, (), (), {}, {}, {}, source="people"), (), ())
    turn = Turn(order)

    async def answer(place: int, case: Case) -> LeakageAnswer | QualityAnswer | Exception:
        current_turn.set(turn.judging())
        try:
            return await _answer(judge, case)
        except Exception as error:
            return error

    answers = await each_once_more(answer, asked, _waits, once_more, answered)
    report = judge_report(asked, [None if isinstance(said, Exception) else said for said in answers])  # type: ignore[arg-type]
    return Examination(
        report, tuple(cause_of(said) for said in answers if isinstance(said, Exception)), tuple(sorted(turn.keys))
    )


async def _answer(judge: Judge, case: Case) -> LeakageAnswer | QualityAnswer:
    """The fullest answer that the judge can give: one flag per unit, both orders of a pair."""
    if isinstance(case, LeakageCase):
        if judge.kind == "lexical":
            return leaked_units(case.units, case.request)
        return (await judge.leakage(case.units, case.request)).leaked
    orders = getattr(judge, "orders", None)
    if orders is None:
        return (await judge.quality(case.query, case.a, case.b)).score
    first, second = await orders(case.query, case.a, case.b)
    return first, second


def _waits(said: object) -> bool:
    return isinstance(said, Exception) and isinstance(behind(said), Unreachable)
