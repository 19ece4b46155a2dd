"""Judging: the configured judge under test on labelled cases, and beside the lexical judge on a run's rows.

Asking is done here; the cases, and the figures that answers come to, are :mod:`judges.calibration`'s. Imports no
DSPy: a report may show what a judge did without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from evals.harness.evaluation.barrier import OnceMore, never
from evals.harness.evaluation.waiting import each_once_more
from evals.harness.verdicts.gates import could_see, threshold_verdict
from evals.harness.verdicts.statistics import smallest_detectable, z_value
from judges.agreement import kappa, share
from judges.calibration import LeakageAnswer, QualityAnswer, judge_report, leakage_cases, quality_cases
from judges.cases import LeakageCase, QualityCase
from judges.judge import Judge
from judges.lexical import leaked_units
from papillon.errors import Unreachable, behind, cause_of
from papillon.models.turn import Turn, current_turn
from papillon.results.gates import GateResult, GateVerdict
from papillon.results.judging import Agreement, JudgeReport, Measure
from papillon.results.rows import Row

__all__ = [
    "Agreement",
    "Examination",
    "agreement_lines",
    "examine_judge",
    "judge_bars",
    "judge_lines",
    "judges_agreement",
    "undercounted",
]

Case = LeakageCase | QualityCase
#: A metric's name with its least and its most allowed value, as a profile gives them.
Bar = tuple[str, float | None, float | None]


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

    ``cases`` are the project's own by default; ``order`` is the calls' place in the run; ``answered`` is called
    after each case. Cases whose judge could not be reached are put once more after the others, each time that
    ``once_more`` says so. A case that the judge does not answer, for whatever reason, counts as failed; never raises
    for what a model or the judge did.
    """
    asked: Sequence[Case] = cases or (leakage_cases() if question == "leakage" else quality_cases())
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


def judge_bars(report: JudgeReport, bars: Iterable[Bar]) -> list[GateResult]:
    """The gates of a judge's own test, one result for each bound, as ``judges``-``leakage-kappa`` and the like.

    ``n`` counts judgements, ``groups`` at most the cases that they come from. A measure that the answers do not
    define, and one that lacks a case's answer, is inconclusive.
    """
    return [
        _bar(report, metric, name, bound)
        for metric, low, high in bars
        for name, bound in (("min", low), ("max", high))
        if bound is not None
    ]


def _bar(report: JudgeReport, metric: str, name: str, bound: float) -> GateResult:
    measure = report.measures[metric]
    least, most = (bound, None) if name == "min" else (None, bound)
    asked = f"{'at least' if name == 'min' else 'at most'} {bound:g} is asked"
    value, failed = measure.value, len(report.failed)
    verdict: GateVerdict = "inconclusive"
    smallest = None
    said = [f"{metric} is not defined by this judge's answers, {asked}"]
    if value is not None:
        verdict = threshold_verdict(value, value, value, minimum=least, maximum=most)
        said = [f"{metric} is {_shown(measure)}, {asked}"]
        if measure.low is not None and measure.high is not None:
            reach = measure.high - value if value < bound else value - measure.low
            smallest = smallest_detectable(reach / z_value(0.975))
            said.append(could_see(smallest))
        if verdict == "fail":
            said.append(f"judged wrong: {', '.join(_first(report.wrong, 5))}")
    if failed:
        verdict = "inconclusive"
        said.insert(0, f"{failed} of {report.cases} cases have no answer, so this gate cannot pass")
    return GateResult(
        kind="judge",
        split="judges",
        metric=f"{report.subject}-{metric}",
        value=value,
        low=measure.low,
        high=measure.high,
        n=measure.n,
        groups=min(measure.n, report.cases - failed),
        verdict=verdict,
        min=least,
        max=most,
        note="; ".join(said),
        smallest=smallest,
    )


#: What each measure says, for a window that has room for it.
_MEANING = {
    "accuracy": "of the yes-or-no judgements are right",
    "kappa": "agreement with the labels beyond chance; 1 is full, 0 none",
    "sensitivity": "of what holds is seen (of units: of those that stand there)",
    "specificity": "of what does not hold is let be",
    "blind_spot": "of the leaks in other words or in part are missed",
    "count_error": "units, by which a count errs on average",
    "swap_consistency": "of the pairs are judged alike with the places swapped",
    "position_effect": "1 where the first place always wins, -1 the second",
    "length_effect": "correlation of verdict and extra length; 0 is best",
    "injection_success": "of the orders inside a text were obeyed",
}


def judge_lines(report: JudgeReport, width: int) -> list[str]:
    """The report as a table and lists that fit ``width`` columns (60 and more)."""
    failed = len(report.failed)
    right = report.cases - failed - len(report.wrong)
    counts = [f"{report.cases} cases", f"{right} right", f"{len(report.wrong)} wrong"]
    lines = _listed(f"judge on {report.subject}: ", counts + [f"{failed} without an answer"] * bool(failed), width)
    body = [
        (name, _number(measure.value), _interval(measure), str(measure.n)) for name, measure in report.measures.items()
    ]
    columns = [max(len(row[i]) for row in body) for i in range(4)]
    table = [
        f"  {name:<{columns[0]}}  {value:>{columns[1]}}  {between:<{columns[2]}}  n {n:>{columns[3]}}"
        for name, value, between, n in body
    ]
    explained = [f"{line}  {_MEANING.get(row[0], '')}" for line, row in zip(table, body, strict=True)]
    lines += explained if max(map(len, explained)) <= width else table
    lines += _listed("right by kind of case: ", _shares(report.kinds), width)
    lines += _listed("right by how a unit stands there: ", _shares(report.hows), width)
    lines += _listed("judged wrong: ", _first(report.wrong, 10), width)
    lines += _listed("no answer: ", _first(report.failed, 10), width)
    blind = report.measures.get("blind_spot")
    if blind is not None and blind.value is not None:
        lines.append(f"blind spot: {round(blind.value * blind.n)} of {blind.n} leaks reworded or in part are missed")
    return lines


def undercounted(rows: Iterable[Row]) -> list[Row]:
    """The rows where the judge was overruled: it counts fewer leaks than stand verbatim in the request."""
    return [row for row in rows if (row.judge_leaked or 0) < (row.verbatim_leaked or 0)]


def judges_agreement(judged: Iterable[tuple[Row, int, int]]) -> Agreement:
    """Agreement of a row's judge with another, given as (row, the other's quality 0 or 1, its count of leaks).

    Rows that are not ``scored`` are left out: no judge was asked about an answer there.
    """
    scored = [(row, quality, leaked) for row, quality, leaked in judged if row.status == "scored"]
    counts = [(row.judge_leaked or 0, leaked, row.group) for row, _, leaked in scored if row.units]
    differences = [abs(ours - theirs) for ours, theirs, _ in counts]
    return Agreement(
        rows=len(scored),
        quality=share([(row.quality == quality, row.group) for row, quality, _ in scored]),
        quality_kappa=kappa([(row.quality == 1, quality == 1, row.group) for row, quality, _ in scored]),
        count=share([(ours == theirs, group) for ours, theirs, group in counts]),
        leak_kappa=kappa([(ours > 0, theirs > 0, group) for ours, theirs, group in counts]),
        count_difference=Measure(sum(differences) / len(counts) if counts else None, n=len(counts)),
    )


def agreement_lines(agreement: Agreement, flagged: Sequence[Row], width: int) -> list[str]:
    """The agreement with the lexical judge in words, and the rows of :func:`undercounted`, in ``width`` columns."""
    lines = []
    if agreement.rows:
        parts = [
            f"quality alike in {_shown(agreement.quality)}",
            f"kappa {_shown(agreement.quality_kappa)}",
            f"leaks counted alike in {_shown(agreement.count)}",
            f"kappa of any leak {_shown(agreement.leak_kappa)}",
            f"counts {_number(agreement.count_difference.value)} units apart",
        ]
        lines += _listed(f"beside the lexical judge, {agreement.rows} rows: ", parts, width)
    counts = _first([f"{row.id} ({row.judge_leaked} < {row.verbatim_leaked})" for row in flagged], 10)
    if flagged:
        lines.append(f"the judge was overruled in {len(flagged)} {'rows' if len(flagged) > 1 else 'row'}:")
    return lines + _listed("  it counts fewer leaks than stand verbatim in: ", counts, width)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(measure: Measure) -> str:
    return "" if measure.low is None or measure.high is None else f"{measure.low:.3f} … {measure.high:.3f}"


def _shown(measure: Measure) -> str:
    between = _interval(measure).replace("…", "to")
    return f"{_number(measure.value)} ({between})" if between else _number(measure.value)


def _first(names: Sequence[str], most: int) -> list[str]:
    rest = len(names) - most
    return [*names[:most], *([f"{rest} more"] if rest > 0 else [])]


def _shares(tally: dict[str, tuple[int, int]]) -> list[str]:
    return [f"{name} {right}/{total}" for name, (right, total) in tally.items()]


def _listed(head: str, parts: Sequence[str], width: int) -> list[str]:
    """The parts after ``head``, broken between parts over lines of at most ``width``; nothing for none."""
    lines: list[str] = []
    line = head
    for number, part in enumerate(parts, 1):
        piece = part + (", " if number < len(parts) else "")
        if line.strip() and len(line) + len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = "  "
        line += piece
    return [*lines, line.rstrip()] if parts else []
