"""Second opinion: how far the judge agrees with another that looked at the same rows."""

from __future__ import annotations

from collections.abc import Iterable

from judges.agreement import kappa, share
from papillon.results.judging import Agreement, Measure
from papillon.results.rows import Row

__all__ = ["judges_agreement"]


def judges_agreement(judged: Iterable[tuple[Row, int | None, int]]) -> Agreement:
    """Agreement of a row's judge with another, given as (row, the other's quality 0 or 1, None without a target, its
    count of leaks).

    Rows that are not ``scored`` are left out: no judge was asked about an answer there.
    """
    scored = [(row, quality, leaked) for row, quality, leaked in judged if row.status == "scored"]
    compared = [(row, quality) for row, quality, _ in scored if quality is not None]
    counts = [(row.judge_leaked or 0, leaked, row.group) for row, _, leaked in scored if row.units]
    differences = [abs(ours - theirs) for ours, theirs, _ in counts]
    return Agreement(
        rows=len(scored),
        quality=share([(row.quality == quality, row.group) for row, quality in compared]),
        quality_kappa=kappa([(row.quality == 1, quality == 1, row.group) for row, quality in compared]),
        count=share([(ours == theirs, group) for ours, theirs, group in counts]),
        leak_kappa=kappa([(ours > 0, theirs > 0, group) for ours, theirs, group in counts]),
        count_difference=Measure(sum(differences) / len(counts) if counts else None, n=len(counts)),
    )
