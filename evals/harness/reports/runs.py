"""Runs: those that left a folder, as a table; a view that decides nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from evals.harness.reports.compare import when
from papillon.results import RunResult
from papillon.results.words import number
from papillon.screen import visible
from papillon.tables import Column, table, wrapped

__all__ = ["runs_lines"]

_SCORES = ("quality", "leakage", "overall", "carried")
_COLUMNS = (
    Column("run"),
    Column(""),
    Column("when (UTC)"),
    Column("profile", may_go=True),
    Column("data"),
    Column("split"),
    Column("n", right=True),
    *(Column(metric, right=True) for metric in _SCORES),
    Column("gates"),
    Column("cost"),
    Column("complete"),
)


def runs_lines(found: Sequence[tuple[str, str, RunResult | str]], width: int) -> list[str]:
    """The runs in their order, a line for each split, and below the table those of which nothing can be said.

    Each is its folder's name, the word by which the command line takes it (``last``, ``last~1``; "" for none), and what
    it came to, or why nothing can be said of it.
    """
    body = [cells for _, word, run in found if isinstance(run, RunResult) for cells in _cells(run, word)]
    lines = table(_COLUMNS, body, width) if body else []
    for name, word, why in found:
        if isinstance(why, str):
            lines += wrapped(visible(f"{name}{f' ({word})' if word else ''}: {why}", one_line=True), width)
    return lines


def _cells(result: RunResult, word: str) -> list[list[str]]:
    run = result.run
    cost = "unknown" if run.cost_usd is None else f"{run.cost_usd:.4f} USD"
    lines = []
    for split in sorted({row.split for row in result.rows}) or [""]:
        rows = result.of(split)
        seen, whole = len({row.id for row in rows}), run.dataset.sizes.get(split, 0)
        means = []
        for metric in _SCORES:
            values = [score for row in rows if (score := row.score(metric)) is not None]
            means.append(number(math.fsum(values) / len(values) if values else None))
        verdicts = Counter(gate.verdict for gate in result.gates if gate.split == split)
        gates = ", ".join(f"{verdicts[v]} {v}" for v in ("pass", "fail", "inconclusive", "deferred") if verdicts[v])
        examples = f"{seen} of {whole}" if seen < whole else str(seen)
        said = [run.id, word, when(run.started), run.profile, run.dataset.name, split, examples, *means]
        said += [gates or "none", cost, "yes" if result.complete else "no"]
        lines.append([visible(word, one_line=True) for word in said])
    return lines
