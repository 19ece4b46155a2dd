"""Judge: how the judge did in its own test, and beside the lexical judge on a run's rows, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from papillon.results import Agreement, JudgeReport, Row
from papillon.results.words import between, first_of, interval, number
from papillon.tables import Column, table, width_of

__all__ = ["MEANING", "agreement_lines", "judge_lines"]

#: What each measure says, for a window that has room for it.
MEANING = {
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


_MEASURES = (Column(), Column(right=True), Column(), Column(), Column(may_go=True))


def judge_lines(report: JudgeReport, width: int) -> list[str]:
    """The report as a table and lists that fit ``width`` columns (60 and more)."""
    failed = len(report.failed)
    right = report.cases - failed - len(report.wrong)
    counts = [f"{report.cases} cases", f"{right} right", f"{len(report.wrong)} wrong"]
    counts += [f"{number} left out: {why}" for why, number in report.left_out.items()]
    lines = _listed(f"judge on {report.name}: ", counts + [f"{failed} without an answer"] * bool(failed), width)
    digits = max((len(str(measure.n)) for measure in report.measures.values()), default=1)
    body = [
        (name, number(seen.value), interval(seen), f"n {seen.n:>{digits}}", MEANING.get(name, ""))
        for name, seen in report.measures.items()
    ]
    lines += [f"  {line}" for line in table(_MEASURES, body, width - 2, heads=False)]
    lines += _listed("right by kind of case: ", _shares(report.kinds), width)
    lines += _listed("right by how a unit stands there: ", _shares(report.hows), width)
    lines += _listed("judged wrong: ", first_of(report.wrong, 10), width)
    lines += _listed("no answer: ", first_of(report.failed, 10), width)
    blind = report.measures.get("blind_spot")
    if blind is not None and blind.value is not None:
        lines.append(f"blind spot: {round(blind.value * blind.n)} of {blind.n} leaks reworded or in part are missed")
    return lines


def agreement_lines(agreement: Agreement, flagged: Sequence[Row], width: int) -> list[str]:
    """The agreement with the lexical judge in words, and the ``flagged`` rows, in ``width`` columns."""
    lines = []
    if agreement.rows:
        parts = [
            f"quality alike in {between(agreement.quality)}",
            f"kappa {between(agreement.quality_kappa)}",
            f"leaks counted alike in {between(agreement.count)}",
            f"kappa of any leak {between(agreement.leak_kappa)}",
            f"counts {number(agreement.count_difference.value)} units apart",
        ]
        lines += _listed(f"beside the lexical judge, {agreement.rows} rows: ", parts, width)
    counts = first_of([f"{row.id} ({row.judge_leaked} < {row.verbatim_leaked})" for row in flagged], 10)
    if flagged:
        lines.append(f"the judge was overruled in {len(flagged)} {'rows' if len(flagged) > 1 else 'row'}:")
    return lines + _listed("  it counts fewer leaks than stand verbatim in: ", counts, width)


def _shares(tally: dict[str, tuple[int, int]]) -> list[str]:
    return [f"{name} {right}/{total}" for name, (right, total) in tally.items()]


def _listed(head: str, parts: Sequence[str], width: int) -> list[str]:
    """The parts after ``head``, broken between parts over lines of at most ``width``; nothing for none."""
    lines: list[str] = []
    line = head
    for place, part in enumerate(parts, 1):
        piece = part + (", " if place < len(parts) else "")
        if line.strip() and width_of(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = "  "
        line += piece
    return [*lines, line.rstrip()] if parts else []
