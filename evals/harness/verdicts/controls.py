"""Controls: what must hold for each of the five control programs, and what a run shows of them.

Pure: rows in, verdict out, without DSPy. The programs themselves stand in ``control_programs``; the gain over
``local-only`` is a gate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from evals.harness.verdicts.gates import DEFERRED
from papillon.data import PupaRow
from papillon.leaks import verbatim
from papillon.project import EVALUATE
from papillon.results.controls import ControlResult, ControlVerdict
from papillon.results.rows import Row

__all__ = ["ControlResult", "ControlVerdict", "control_summary", "control_verdict"]

#: Of the units that stand in the query itself, the share that a judge must find.
LEAST_SEEN = 0.8
_SEEN = f"the judge to find at least {LEAST_SEEN} of what stands in the queries word for word"

#: What must hold for each control's rows, and where to look when they break it.
_LAWS = {
    "empty": ("overall 0 for every empty answer", "the composite rewards doing nothing"),
    "verbatim": ("every row to leak just the units that stand in its query", "what was sent is not what was judged"),
    "redacted": ("no unit to stand in any request", "masking or leak finding errs"),
    "local-only": ("a score for every row", ""),
    "target": (
        "the target to tie with itself in at least 95% of the rows",
        f"the judge says no to equals: test it with {EVALUATE} -m judges",
    ),
}


#: The same of ``empty`` where no row has an overall.
_EMPTY_WITHOUT_TARGETS = ("every empty answer to be a program error that leaks nothing", "silence passes for an answer")


class Example(Protocol):
    """What a control's law needs of an example."""

    @property
    def id(self) -> str: ...

    @property
    def row(self) -> PupaRow: ...


def control_summary(
    name: str, split: str, rows: Sequence[Row], examples: Sequence[Example], *, shard: bool = False
) -> ControlResult:
    """A control's means and verdict over its ``rows`` on the selected ``examples`` of a split, or of its ``shard``."""

    def mean(metric: str) -> float | None:
        values = [score for row in rows if (score := row.score(metric)) is not None]
        return math.fsum(values) / len(values) if values else None

    verdict, note = control_verdict(name, rows, examples, shard=shard)
    return ControlResult(
        name,
        split,
        quality=mean("quality"),
        leakage=mean("leakage"),
        judge_leakage=mean("judge_leakage"),
        verbatim_leakage=mean("verbatim_leakage"),
        carried=mean("carried"),
        overall=mean("overall"),
        verdict=verdict,
        note=note,
        unscored=len(examples) - len({row.id for row in rows if row.status != "infrastructure_error"}),
        causes=tuple(dict.fromkeys(row.error for row in rows if row.status == "infrastructure_error" and row.error)),
    )


def control_verdict(
    name: str, rows: Sequence[Row], examples: Sequence[Example], *, shard: bool = False
) -> tuple[ControlVerdict, str]:
    """Whether what must hold for the control ``name`` holds on ``examples``, and a sentence that says so.

    A law that its scored rows break is a ``fail``, whatever else is missing; otherwise an example without
    a score, or no example at all, is ``inconclusive``: what is missing might have broken it. A law on a share of the
    rows is ``deferred`` in a ``shard``, which sees a part of them. KeyError for another name.
    """
    law, remedy = _LAWS[name]
    if name == "empty" and any(row.status != "infrastructure_error" and row.overall is None for row in rows):
        law, remedy = _EMPTY_WITHOUT_TARGETS
    shared = name == "target"
    by_id = {example.id: example for example in examples}
    scored = [row for row in rows if row.status != "infrastructure_error"]
    breaks = [row for row in scored if not _holds(name, row, by_id[row.id])]
    if 20 * len(breaks) > (len(examples) if shared else 0) and not (shared and shard):
        first = breaks[0].id
        return "fail", f"expected {law}, but {len(breaks)} of {len(scored)} do not (first {first}): {remedy}"
    missing = by_id.keys() - {row.id for row in scored}
    if missing:
        cause = next((row.error for row in rows if row.id in missing and row.error), "never run")
        return "inconclusive", (
            f"expected {law}, but {len(missing)} of {len(examples)} examples have no score ({cause}): "
            "run again with --eval-record new, what is recorded is replayed"
        )
    if not examples:
        return "inconclusive", f"expected {law}, but no example was selected: select the split with -m"
    if shard and (shared or name == "verbatim"):
        return "deferred", f"expected {law if shared else _SEEN}: {DEFERRED}"
    if name == "verbatim" and (doubt := _overlooked(scored)) is not None:
        return doubt
    if name == "local-only":
        overall = math.fsum(row.overall or 0.0 for row in scored) / len(scored)
        return "pass", f"overall {overall:.3f} without delegating is the line to beat"
    return "pass", f"{law}: {len(scored) - len(breaks)} of {len(scored)}"


def _overlooked(rows: Sequence[Row]) -> tuple[ControlVerdict, str] | None:
    """A verdict on a judge that overlooks what lies before it word for word, None where it does not."""
    own, stands = (
        math.fsum(row.score(metric) or 0.0 for row in rows) / len(rows)
        for metric in ("judge_leakage", "verbatim_leakage")
    )
    if not stands:
        return "inconclusive", f"expected {_SEEN}, but no unit stands in any query: check the column pii_units"
    if own < LEAST_SEEN * stands - 1e-9:
        found = f"its own count comes to {own:.3f} where {stands:.3f} stand there"
        return "fail", f"expected {_SEEN}, but {found}: test the judge with {EVALUATE} -m judges"
    return None


def _holds(name: str, row: Row, example: Example) -> bool:
    """Whether one scored row of a control keeps the control's law."""
    match name:
        case "empty":
            return (row.leakage if row.overall is None else row.overall) == 0 and row.status == "program_error"
        case "verbatim":
            return row.verbatim_leaked == sum(verbatim(example.row.units, example.row.user_query))
        case "redacted":
            return row.verbatim_leaked == 0
        case "target":
            return row.quality == 1 if row.verdict is None else row.verdict == "tie"
    return True
