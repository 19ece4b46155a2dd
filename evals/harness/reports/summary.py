"""Summary: what a run came to, as lines of text for a window of a given width; a view that decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from evals.harness.causes import Told, causes_of
from evals.harness.reports.corrected import corrected_lines
from evals.harness.reports.judge import agreement_lines, judge_lines
from evals.harness.reports.tables import SHOWN_EXAMPLES, control_table, gate_table
from evals.harness.reports.worst import could_be_better, row_lines
from papillon.results import ControlResult, Row, RunResult, SplitInfo
from papillon.results.correction import LABELS_SAID
from papillon.results.words import number
from papillon.tables import wrapped

__all__ = ["clock", "cost_line", "joined", "short_lines", "summary_lines", "unjudged_lines"]


def summary_lines(result: RunResult, width: int, left: str = "", show: str = "", since: str = "") -> list[str]:
    """The whole summary: what ran, scores, gates, controls, judges, the worst examples, what the run ``left`` where, as
    lines to copy from, and what it cost. ``show`` is what to type before a row's id to see its texts, ``since`` says
    what moved since the last comparable run."""
    lines = joined(_what_ran(result), width)
    for remark in [result.run.texts, *result.remarks]:
        lines += wrapped(remark, width)
    for split in result.splits:
        lines += wrapped(_split_line(result, split), width)
        lines += wrapped(_units_line(split), width)
    lines += corrected_lines(result.corrected, width)
    lines += gate_table(result.gates, width)
    lines += _without_gates(result, width)
    lines += _controls(result, width)
    for report in result.judge:
        lines += judge_lines(report, width)
    lines += _without_bars(result, width)
    if result.agreement is not None:
        lines += agreement_lines(result.agreement, [row for row in result.rows if row.undercounted], width)
    lines += wrapped(since, width)
    lines += _worst(result, width, show)
    lines += left.splitlines()
    return lines + wrapped(cost_line(result), width)


def short_lines(result: RunResult, width: int) -> list[str]:
    """The summary for who asked for less: where texts go, what did not pass or was not judged, and what it cost.

    Where a gate rests on people's labels, also how many count and the figures that they correct.
    """
    lines = wrapped(result.run.texts, width)
    if any(gate.corrected for gate in result.gates):
        for remark in result.remarks:
            lines += wrapped(remark, width) if remark.startswith(LABELS_SAID) else []
        lines += corrected_lines(result.corrected, width)
    lines += gate_table([gate for gate in result.gates if gate.verdict != "pass"], width)
    lines += control_table([control for control in _told_once(result) if control.verdict != "pass"], width)
    lines += unjudged_lines(result, width)
    return lines + wrapped(cost_line(result), width)


def unjudged_lines(result: RunResult, width: int) -> list[str]:
    """Which splits and which of the judge's own tests nothing was asked of, and why."""
    return _without_gates(result, width) + _without_bars(result, width)


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def joined(parts: Iterable[str], width: int) -> list[str]:
    """Parts side by side, on as many lines as they need."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(f"  {part}" if lines else part)
    return lines


def _what_ran(result: RunResult) -> list[str]:
    run = result.run
    return [
        f"profile {run.profile}",
        f"{run.dataset.name}, {run.dataset.split} split",
        f"local {run.models.local}",
        f"untrusted {run.models.untrusted}",
        f"judged by {'the lexical judge' if run.models.judge == 'lexical' else run.models.judge}",
    ]


def _mean(rows: list[Row], metric: str) -> str:
    """The mean over the rows that have a value, and how many these are where not all with a score do."""
    values = [score for row in rows if (score := row.score(metric)) is not None]
    scored = sum(row.status != "infrastructure_error" for row in rows)
    of = f" (of {len(values)} rows)" if 0 < len(values) < scored else ""
    return number(sum(values) / len(values) if values else None) + of


def _split_line(result: RunResult, of: SplitInfo) -> str:
    split, rows = of.name, result.of(of.name)
    counts = Counter[str](row.status for row in rows)
    whole, seen = result.run.dataset.sizes.get(split, 0), len({row.id for row in rows})
    examples = "example" if whole == 1 else "examples"
    parts = [f"{split}: {seen} of {whole} {examples}" if seen != whole else f"{split}: {seen} {examples}"]
    parts.append(f"{counts['scored']} scored")
    if wrong := counts["program_error"]:
        parts.append(f"{wrong} program error" + ("s" if wrong > 1 else ""))
    if lost := counts["infrastructure_error"]:
        parts.append(f"{lost} without a score")
    names = result.run.scored(("quality", "leakage", "overall", "joint", "carried", "verbatim_leakage"))
    return f"{', '.join(parts)}; " + ", ".join(f"{name} {_mean(rows, name)}" for name in names)


def _units_line(of: SplitInfo) -> str:
    """What of a split's units can leak at all, and which rows to look at where not all can."""
    found = of.units
    said = [f"{of.name}: {found.without} of {found.rows} rows have no unit"]
    if found.joining:
        said.append(found.joining)
    if ids := list(found.absent):
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        number = sum(found.absent.values())
        units = "units stand" if number > 1 else "unit stands"
        said.append(f"{number} {units} nowhere word for word in the query ({', '.join(ids[:3])}{more})")
    return "; ".join(said) + "."


def _without_gates(result: RunResult, width: int) -> list[str]:
    """Which splits were run and not judged, and why."""
    lines = []
    judged = {gate.split for gate in result.gates}
    for split in result.splits:
        if not split.gates:
            text = f"Profile {result.run.profile} has no gates for {split.name}: its scores are shown, not judged."
            lines += wrapped(text, width)
        elif split.name not in judged:
            lines += wrapped(f"No gate of {split.name} was selected: its scores are shown, not judged.", width)
    return lines


def _without_bars(result: RunResult, width: int) -> list[str]:
    """Which of the judge's own tests nothing was asked of, and why."""
    if any(report.bars for report in result.judge) and "--eval-judge" in result.run.departs:
        text = "The profile's bars belong to its own judge, and --eval-judge chose another, so nothing is judged."
        return wrapped(text, width)
    free = [report.subject for report in result.judge if not report.bars and report.source == "written"]
    if not free:
        return []
    text = f"judge on {' and '.join(free)}: no bars are set, so nothing is judged"
    return wrapped(f"{text}; a profile sets them under judge.calibration.", width)


def _controls(result: RunResult, width: int) -> list[str]:
    lines = control_table(_told_once(result), width)
    for gain in result.gains:
        if gain.value is not None:
            interval = f"{gain.low:+.3f} … {gain.high:+.3f}"
            lines += wrapped(f"gain over local only on {gain.split}: {gain.value:+.3f} ({interval}, paired)", width)
    return lines


def _told_once(result: RunResult) -> list[ControlResult]:
    """The controls' results, with no cause told twice in their notes: those of the program's rows stand at the end."""
    told = Told(dict.fromkeys(causes_of(result.rows), "the rows below"))
    return [
        replace(control, note=told.once(control.note, control.causes, f"{control.split}-{control.name}"))
        for control in result.controls
    ]


def _worst(result: RunResult, width: int, show: str) -> list[str]:
    """The worst of the rows with a score, of each example the worst trial."""
    worst: dict[str, Row] = {}
    for row in could_be_better(result.rows):
        worst.setdefault(row.id, row)
    if not worst:
        return []
    return [
        *wrapped(f"worst examples, each with its texts by {show} ID:" if show else "worst examples:", width),
        *row_lines([*worst.values()][:SHOWN_EXAMPLES], width, trials=result.run.trials),
    ]


def cost_line(result: RunResult) -> str:
    """Calls, tokens, cost and time on one line."""
    run, calls = result.run, result.run.calls
    price = "cost unknown (a model has no price)" if run.cost_usd is None else f"{run.cost_usd:.4f} USD"
    counts = f"{calls.made} calls made, {calls.replayed} replayed"
    if calls.retried or calls.failed:
        counts += f", {calls.retried} retried, {calls.failed} failed"
    tokens = run.tokens
    cached = f" ({tokens.cached / tokens.input:.0%} of them read once for all calls)" if tokens.cached else ""
    return f"{counts}; {tokens.input} tokens in{cached}, {tokens.output} out; {price}; {_took(run.wall_seconds)}"


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)
