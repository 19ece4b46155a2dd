"""Tables: gates and controls as lines of text for a window of a given width; views that decide nothing."""

from __future__ import annotations

from collections.abc import Sequence

from papillon.results import ControlResult, GateResult
from papillon.results.words import could_not_see, moves, number
from papillon.tables import Column, table, wrapped

__all__ = ["SHOWN_EXAMPLES", "asked", "control_table", "gate_name", "gate_table"]

SHOWN_EXAMPLES = 5

_GATES = (
    Column("gate"),
    Column("value"),
    # A note says it where it matters.
    Column("95% interval", may_go=True),
    Column("asked"),
    Column("sees"),
    Column("n"),
    Column("verdict"),
)
_LEGEND = "sees: the smallest difference that the gate could have seen"

_CONTROLS = (
    Column("control"),
    Column("quality", "qual.", right=True),
    Column("leakage", "leak.", right=True),
    Column("judge", right=True),
    Column("verbatim", "verb.", right=True),
    Column("carried", "carr.", right=True),
    Column("overall", "over.", right=True),
    Column("verdict"),
)


def gate_table(results: Sequence[GateResult], width: int) -> list[str]:
    """The gates as a table that fits ``width`` columns (60 and more), and below it what there is to say of each."""
    if not results:
        return []
    body = [_gate(result) for result in results]
    lines = table(_GATES, body, width) + wrapped(_LEGEND, width)
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
        gate_name(result),
        number(result.value),
        "–" if result.low is None or result.high is None else f"{result.low:.3f} … {result.high:.3f}",
        asked(result) + (" (default)" if result.default else ""),
        "none" if result.smallest is not None and result.smallest > 1 else number(result.smallest),
        str(result.n),
        result.verdict.upper(),
    )


def gate_name(result: GateResult) -> str:
    """A gate by what its test item is named for."""
    return f"{result.split}-{result.metric}" + ("-regression" if result.kind == "regression" else "")


def asked(result: GateResult) -> str:
    """What a gate asks of its value."""
    corrected = " (corrected)" if result.corrected else ""
    if result.min is not None:
        return f"≥ {result.min:g}{corrected}"
    if result.max is not None:
        return f"≤ {result.max:g}{corrected}"
    return f"drop < {result.max_drop:g}" if result.max_drop is not None else "no drop"


def control_table(results: Sequence[ControlResult], width: int) -> list[str]:
    """The controls' means as a table that fits ``width`` columns (60 and more), and why each did not pass.

    ``judge`` is the leakage by the judge's own count, ``carried`` how much of the task was sent.
    """
    if not results:
        return []
    body = []
    for result in results:
        leaks = (result.leakage, result.judge_leakage, result.verbatim_leakage)
        scores = map(number, (result.quality, *leaks, result.carried, result.overall))
        body.append([f"{result.split}-{result.name}", *scores, result.verdict.upper()])
    lines = table(_CONTROLS, body, width)
    for result in results:
        if result.verdict != "pass":
            lines += wrapped(f"{result.split}-{result.name}: {result.note}.", width)
    return lines
