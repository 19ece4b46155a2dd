"""Summary: what a run came to, as lines of text for a window of a given width; a view that decides nothing."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

from evals.harness.controls import ControlResult
from evals.harness.gates import GateResult
from evals.harness.judging import agreement_lines, judge_lines, judges_agreement, undercounted
from evals.harness.rows import Outcome, Row
from evals.harness.run import Run, causes_of
from evals.harness.told import Told
from judges.lexical import GOOD_ENOUGH

__all__ = ["clock", "gate_table", "joined", "short_lines", "summary_lines"]

SHOWN_EXAMPLES = 5


def summary_lines(run: Run, width: int) -> list[str]:
    """The whole summary: what ran, scores, gates, controls, judges, the worst examples, and what it cost."""
    lines = joined(_what_ran(run), width)
    for remark in _remarks(run):
        lines += _wrapped(remark, width)
    for split in run.examples:
        lines += _wrapped(_split_line(run, split), width)
    lines += gate_table(run.verdicts(), width)
    for split in run.examples:
        if not any(gate.split == split for gate in run.plan.gates):
            name = run.plan.settings.profile.name
            lines += _wrapped(f"Profile {name} has no gates for {split}: its scores are shown, not judged.", width)
    lines += _controls(run, width)
    for question in run.examined:
        lines += judge_lines(run.examination(question).report, width)
    lines += _second_opinion(run, width)
    lines += _worst(run.all_rows(), width)
    return lines + _wrapped(_cost_line(run), width)


def short_lines(run: Run, width: int) -> list[str]:
    """The summary for who asked for less: the gates and controls that did not pass, and what it cost."""
    lines = gate_table([result for result in run.verdicts() if result.verdict != "pass"], width)
    results = [run.control(name, split) for split, name in run.controls]
    for result, note in zip(results, _notes(run, results), strict=True):
        if result.verdict != "pass":
            lines += _wrapped(f"{result.split}-{result.name}: {result.verdict.upper()}: {note}.", width)
    return lines + _wrapped(_cost_line(run), width)


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


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _what_ran(run: Run) -> list[str]:
    profile = run.plan.settings.profile
    judge = profile.judge
    judged_by = judge.model.model if judge.kind == "llm" and judge.model else "the lexical judge"
    return [
        f"profile {profile.name}",
        f"{run.plan.data.name}, {profile.split} split",
        f"local {profile.local.model}",
        f"untrusted {profile.untrusted.model}",
        f"judged by {judged_by}",
    ]


def _remarks(run: Run) -> list[str]:
    profile, departs = run.plan.settings.profile, run.plan.settings.departs
    remarks = []
    if any(model.model.startswith("embedded/") for model in (profile.local, profile.untrusted)):
        remarks.append(
            "The embedded model has 135 M parameters: its scores show that the harness works, not how good PAPILLON is."
        )
    judge = profile.judge
    if judge.kind == "llm" and judge.model is not None and judge.model.model.startswith("embedded/"):
        remarks.append("The judge is the embedded model too: read its scores as noise, not as quality or leakage.")
    if left_out := run.plan.data.left_out:
        remarks.append(left_out)
    if reserved := run.plan.data.rows - sum(run.plan.whole.values()):
        rows = "row is" if reserved == 1 else "rows are"
        remarks.append(f"{reserved} {rows} the train part, which no evaluation asks; --eval-split all has none.")
    shared = run.plan.data.contamination
    if not shared.clean:
        remarks.append(f"The {profile.split} split is contaminated: dev: {shared.dev}; test: {shared.test}.")
    if departs and profile.regressions and run.plan.settings.baseline_file is None:
        remarks.append(f"The profile's baseline does not apply: {', '.join(departs)} changed what is compared.")
    if run.imported:
        remarks.append(f"Imported: {run.imported}.")
    return remarks


def _mean(rows: list[Row], metric: str) -> str:
    values = [score for row in rows if (score := row.score(metric)) is not None]
    return f"{sum(values) / len(values):.3f}" if values else "–"


def _split_line(run: Run, split: str) -> str:
    rows = run.rows(split)
    counts = Counter[str](row.status for row in rows)
    whole, seen = run.plan.whole.get(split, 0), len({row.id for row in rows})
    examples = "example" if whole == 1 else "examples"
    parts = [f"{split}: {seen} of {whole} {examples}" if seen != whole else f"{split}: {seen} {examples}"]
    parts.append(f"{counts['scored']} scored")
    if wrong := counts["program_error"]:
        parts.append(f"{wrong} program error" + ("s" if wrong > 1 else ""))
    if lost := counts["infrastructure_error"]:
        parts.append(f"{lost} without a score")
    names = ("quality", "leakage", "overall", "joint", "verbatim_leakage")
    return f"{', '.join(parts)}; " + ", ".join(f"{name} {_mean(rows, name)}" for name in names)


def gate_table(results: list[GateResult], width: int) -> list[str]:
    """The gates as a table that fits ``width`` columns, and below it why each that did not pass did not."""
    if not results:
        return []
    heads = ("gate", "value", "95% interval", "asked", "n", "verdict")
    body = [
        (
            f"{result.split}-{result.metric}" + ("-regression" if result.kind == "regression" else ""),
            _number(result.value),
            "–" if result.low is None or result.high is None else f"{result.low:.3f} … {result.high:.3f}",
            _asked(result),
            str(result.n),
            result.verdict.upper(),
        )
        for result in results
    ]
    columns = [max(len(row[i]) for row in [heads, *body]) for i in range(len(heads))]
    # In a narrow window the interval goes: a note says it where it matters.
    wide = sum(columns) + 2 * (len(columns) - 1) <= width
    kept = [i for i in range(len(heads)) if wide or i != 2]
    lines = ["  ".join(row[i].ljust(columns[i]) for i in kept).rstrip() for row in [heads, *body]]
    for result, row in zip(results, body, strict=True):
        if result.verdict != "pass":
            lines += _wrapped(f"{row[0]}: {result.note}.", width)
        for flip in result.flipped[:SHOWN_EXAMPLES]:
            lines.append(f"  {flip.id} went from {flip.before:g} to {flip.after:g}")
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _asked(result: GateResult) -> str:
    if result.min is not None:
        return f"≥ {result.min:g}"
    if result.max is not None:
        return f"≤ {result.max:g}"
    return f"drop < {result.max_drop:g}" if result.max_drop is not None else "no drop"


def _controls(run: Run, width: int) -> list[str]:
    if not run.controls:
        return []
    results = [run.control(name, split) for split, name in run.controls]
    lines = [f"{'control':<16}  quality  leakage  verbatim  overall  verdict"]
    for result in results:
        name = f"{result.split}-{result.name}"
        scores = (result.quality, result.leakage, result.verbatim_leakage, result.overall)
        cells = "  ".join(_number(score).rjust(size) for score, size in zip(scores, (7, 7, 8, 7), strict=True))
        lines.append(f"{name:<16}  {cells}  {result.verdict.upper()}")
    for result, note in zip(results, _notes(run, results), strict=True):
        if result.verdict != "pass":
            lines += _wrapped(f"{result.split}-{result.name}: {note}.", width)
    for split in run.examples:
        if (gain := run.gain(split)) is not None and gain.value is not None:
            interval = f"{gain.low:+.3f} … {gain.high:+.3f}"
            lines += _wrapped(f"gain over local only on {split}: {gain.value:+.3f} ({interval}, paired)", width)
    return lines


def _notes(run: Run, results: list[ControlResult]) -> list[str]:
    """The controls' notes, with no cause told twice: those of the program's rows stand at the end."""
    told = Told(dict.fromkeys(causes_of(run.all_rows()), "the rows below"))
    causes = [causes_of(run.rows(result.split, result.name)) for result in results]
    return [
        told.once(result.note, of, f"{result.split}-{result.name}") for result, of in zip(results, causes, strict=True)
    ]


def _second_opinion(run: Run, width: int) -> list[str]:
    """How far the LLM judge agrees with the lexical one, which looked at the same rows for nothing."""
    if run.plan.settings.profile.judge.kind == "lexical" or not run.examples:
        return []
    outcomes: list[Outcome] = [outcome for split in run.examples for outcome in run.outcomes(split)]
    judged = [
        (outcome.row, int(outcome.closeness >= GOOD_ENOUGH), outcome.row.verbatim_leaked or 0)
        for outcome in outcomes
        if outcome.closeness is not None
    ]
    return agreement_lines(judges_agreement(judged), undercounted(outcome.row for outcome in outcomes), width)


def _worst(rows: list[Row], width: int) -> list[str]:
    worst = [row for row in rows if row.status != "infrastructure_error" and (row.overall or 0) < 1]
    if not worst:
        return []
    worst.sort(key=lambda row: (row.overall or 0.0, -(row.leakage or 0.0)))
    lines = ["worst examples:"]
    for row in worst[:SHOWN_EXAMPLES]:
        text = f"  {row.id}  overall {row.overall:.2f}  quality {row.quality:g}  leaked {row.leaked:g}/{row.units}"
        text += f"  {row.error}" if row.error else ""
        lines.append(text if len(text) <= width else text[: width - 1] + "…")
    return lines


def _cost_line(run: Run) -> str:
    ledger = run.ledger
    given, taken = ledger.tokens()
    cost = ledger.usd()
    price = "cost unknown (a model has no price)" if cost is None else f"{cost:.4f} USD"
    calls = f"{ledger.made} calls made, {ledger.replayed} replayed"
    if ledger.retried or ledger.failed:
        calls += f", {ledger.retried} retried, {ledger.failed} failed"
    return f"{calls}; {given} tokens in, {taken} out; {price}; {_took(run.seconds)}"


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)
