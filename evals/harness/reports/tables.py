"""Tables: gates and controls as lines of text for a window of a given width; views that decide nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from evals.harness.verdicts.controls import ControlResult
from evals.harness.verdicts.gates import GateResult, could_not_see, moves

__all__ = ["SHOWN_EXAMPLES", "control_table", "gate_table", "wrapped"]

SHOWN_EXAMPLES = 5

_GATE = ("gate", "value", "95% interval", "asked", "sees", "n", "verdict")
_LEGEND = "sees: the smallest difference that the gate could have seen"


def wrapped(text: str, width: int) -> list[str]:
    """A sentence over as many lines as it needs, all but the first indented."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


def gate_table(results: Sequence[GateResult], width: int) -> list[str]:
    """The gates as a table that fits ``width`` columns (60 and more), and below it what there is to say of each.

    In a narrow window the interval goes, since a note says it where it matters; in one that is narrower still
    a gate's name stands above its numbers.
    """
    if not results:
        return []
    body = [_gate(result) for result in results]
    columns = [max(len(row[i]) for row in [_GATE, *body]) for i in range(len(_GATE))]
    kept = list(range(len(_GATE)))
    if _wide(columns, kept) > width:
        kept.remove(2)

    def line(row: Sequence[str], kept: Iterable[int]) -> str:
        return "  ".join(row[i].ljust(columns[i]) for i in kept).rstrip()

    if _wide(columns, kept) <= width:
        lines = [line(row, kept) for row in [_GATE, *body]]
    else:
        lines = [part for row in [_GATE, *body] for part in (row[0], f"  {line(row, kept[1:])}")]
    lines += wrapped(_LEGEND, width)
    for result, row in zip(results, body, strict=True):
        if result.verdict != "pass":
            lines += wrapped(f"{row[0]}: {result.note}.", width)
        elif result.before is not None and result.after is not None and result.smallest is not None:
            change = f"{result.before:.3f} → {result.after:.3f}, {moves(result.flipped)}"
            unseen = could_not_see(result.smallest)
            lines += wrapped(f"{row[0]}: {change}; {unseen}.", width)
        for flip in result.flipped[:SHOWN_EXAMPLES]:
            lines.append(f"  {flip.id} went from {flip.before:g} to {flip.after:g}")
    return lines


def _gate(result: GateResult) -> tuple[str, ...]:
    return (
        f"{result.split}-{result.metric}" + ("-regression" if result.kind == "regression" else ""),
        _number(result.value),
        "–" if result.low is None or result.high is None else f"{result.low:.3f} … {result.high:.3f}",
        _asked(result) + (" (default)" if result.default else ""),
        "none" if result.smallest is not None and result.smallest > 1 else _number(result.smallest),
        str(result.n),
        result.verdict.upper(),
    )


def _asked(result: GateResult) -> str:
    if result.min is not None:
        return f"≥ {result.min:g}"
    if result.max is not None:
        return f"≤ {result.max:g}"
    return f"drop < {result.max_drop:g}" if result.max_drop is not None else "no drop"


def control_table(results: Sequence[ControlResult], width: int) -> list[str]:
    """The controls' means as a table that fits ``width`` columns (60 and more), and why each did not pass.

    ``judge`` is the leakage by the judge's own count.
    """
    if not results:
        return []
    heads, gap = ("quality", "leakage", "judge", "verbatim", "overall"), "  "
    columns = [max(len(f"{result.split}-{result.name}") for result in results), *map(len, heads), len("INCONCLUSIVE")]
    if _wide(columns, range(len(columns))) > width:
        heads, gap = ("qual.", "leak.", "judge", "verb.", "over."), " "
    name = "control".ljust(columns[0])
    lines = [gap.join([name, *heads, "verdict"])]
    for result in results:
        scores = (result.quality, result.leakage, result.judge_leakage, result.verbatim_leakage, result.overall)
        cells = [_number(score).rjust(len(head)) for score, head in zip(scores, heads, strict=True)]
        lines.append(gap.join([f"{result.split}-{result.name}".ljust(columns[0]), *cells, result.verdict.upper()]))
    for result in results:
        if result.verdict != "pass":
            lines += wrapped(f"{result.split}-{result.name}: {result.note}.", width)
    return lines


def _wide(columns: Sequence[int], kept: Sequence[int]) -> int:
    return sum(columns[i] for i in kept) + 2 * (len(kept) - 1)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
