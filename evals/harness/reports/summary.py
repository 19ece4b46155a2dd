"""Summary: what a run came to, as lines of text for a window of a given width; a view that decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from evals.harness.causes import Told
from evals.harness.evaluation.outcome import Outcome
from evals.harness.judging import agreement_lines, judge_lines, judges_agreement, undercounted
from evals.harness.reports.tables import SHOWN_EXAMPLES, control_table, gate_table, wrapped
from evals.harness.run import Run, causes_of
from evals.harness.verdicts.controls import ControlResult
from judges.lexical import GOOD_ENOUGH
from papillon.destinations import destinations, where_texts_go
from papillon.results.rows import Row

__all__ = ["clock", "joined", "short_lines", "summary_lines"]


def summary_lines(run: Run, width: int) -> list[str]:
    """The whole summary: what ran, scores, gates, controls, judges, the worst examples, and what it cost."""
    lines = joined(_what_ran(run), width)
    for remark in _remarks(run):
        lines += wrapped(remark, width)
    for split in run.examples:
        lines += wrapped(_split_line(run, split), width)
        lines += wrapped(_units_line(run, split), width)
    lines += gate_table(run.verdicts(), width)
    lines += _without_gates(run, width)
    lines += _controls(run, width)
    for question in run.examined:
        lines += judge_lines(run.examination(question).report, width)
    lines += _without_bars(run, width)
    lines += _second_opinion(run, width)
    lines += _worst(run.all_rows(), width)
    return lines + wrapped(_cost_line(run), width)


def short_lines(run: Run, width: int) -> list[str]:
    """The summary for who asked for less: where texts go, what did not pass or was not judged, and what it cost."""
    lines = wrapped(_texts_go(run), width)
    lines += gate_table([result for result in run.verdicts() if result.verdict != "pass"], width)
    lines += control_table([result for result in _control_results(run) if result.verdict != "pass"], width)
    lines += _without_gates(run, width) + _without_bars(run, width)
    return lines + wrapped(_cost_line(run), width)


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


def _what_ran(run: Run) -> list[str]:
    profile = run.plan.settings.profile
    judge = profile.models.get("judge")
    judged_by = judge.model if judge is not None else "the lexical judge"
    return [
        f"profile {profile.name}",
        f"{run.plan.data.name}, {profile.split} split",
        f"local {profile.local.model}",
        f"untrusted {profile.untrusted.model}",
        f"judged by {judged_by}",
    ]


def _texts_go(run: Run) -> str:
    sent_whole = any(name in ("verbatim", "redacted") for _, name in run.controls)
    found = destinations(
        run.plan.settings.profile,
        rows=bool(run.examples),
        controls=sent_whole,
        cases=bool(run.selection.judged),
    )
    return where_texts_go(found, replay=run.plan.settings.record == "none")


def _remarks(run: Run) -> list[str]:
    profile, departs = run.plan.settings.profile, run.plan.settings.departs
    remarks = [_texts_go(run)]
    if any(model.model.startswith("embedded/") for model in (profile.local, profile.untrusted)):
        remarks.append(
            "The embedded model has 135 M parameters: its scores show that the harness works, not how good PAPILLON is."
        )
    judge = profile.models.get("judge")
    if judge is not None and judge.model.startswith("embedded/"):
        remarks.append("The judge is the embedded model too: read its scores as noise, not as quality or leakage.")
    if left_out := run.plan.data.left_out:
        remarks.append(left_out)
    if run.examples and (reserved := run.plan.data.reserved):
        rows = "row is" if reserved == 1 else "rows are"
        remarks.append(f"{reserved} {rows} the train part, which no evaluation asks; --eval-split all has none.")
    shared = run.plan.data.contamination
    if not shared.clean:
        remarks.append(f"The {profile.split} split is contaminated: dev: {shared.dev}; test: {shared.test}.")
    if departs and profile.regressions and run.plan.settings.baseline_file is None:
        remarks.append(f"The profile's baseline does not apply: {', '.join(departs)} changed what is compared.")
    if run.imported:
        remarks.append(f"Imported: {run.imported}.")
    if thought := run.ledger.thought:
        remarks.append(f"{thought} of {len(run.ledger.used)} answers held the model's thinking, which was left out.")
    if again := len(run.ledger.asked_again):
        remarks.append(f"The judge was asked again where its recorded answers were unusable: {again} calls made.")
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


def _units_line(run: Run, split: str) -> str:
    """What of a split's units can leak at all, and which rows to look at where not all can."""
    found = run.units(split)
    said = [f"{split}: {found.without} of {found.rows} rows have no unit"]
    if found.joining:
        said.append(found.joining)
    if ids := list(found.absent):
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        number = sum(found.absent.values())
        units = "units stand" if number > 1 else "unit stands"
        said.append(f"{number} {units} nowhere in the query ({', '.join(ids[:3])}{more})")
    return "; ".join(said) + "."


def _without_gates(run: Run, width: int) -> list[str]:
    """Which splits were run and not judged, and why."""
    lines = []
    for split in run.examples:
        if not any(gate.split == split for gate in run.plan.gates):
            name = run.plan.settings.profile.name
            lines += wrapped(f"Profile {name} has no gates for {split}: its scores are shown, not judged.", width)
        elif not any(gate.split == split for gate in run.gates):
            lines += wrapped(f"No gate of {split} was selected: its scores are shown, not judged.", width)
    return lines


def _without_bars(run: Run, width: int) -> list[str]:
    """Which of the judge's own tests nothing was asked of, and why."""
    bars = run.plan.settings.profile.judge.calibration
    if bars and "--eval-judge" in run.plan.settings.departs and run.examined:
        text = "The profile's bars belong to its own judge, and --eval-judge chose another, so nothing is judged."
        return wrapped(text, width)
    free = [question for question in run.examined if not bars.get(question)]
    if not free:
        return []
    text = f"judge on {' and '.join(free)}: no bars are set, so nothing is judged"
    return wrapped(f"{text}; a profile sets them under judge.calibration.", width)


def _controls(run: Run, width: int) -> list[str]:
    if not run.controls:
        return []
    lines = control_table(_control_results(run), width)
    for split in run.examples:
        if (gain := run.gain(split)) is not None and gain.value is not None:
            interval = f"{gain.low:+.3f} … {gain.high:+.3f}"
            lines += wrapped(f"gain over local only on {split}: {gain.value:+.3f} ({interval}, paired)", width)
    return lines


def _control_results(run: Run) -> list[ControlResult]:
    """The controls' results, with no cause told twice in their notes: those of the program's rows stand at the end."""
    told = Told(dict.fromkeys(causes_of(run.all_rows()), "the rows below"))
    results = []
    for split, name in run.controls:
        result = run.control(name, split)
        note = told.once(result.note, causes_of(run.rows(split, name)), f"{split}-{name}")
        results.append(replace(result, note=note))
    return results


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
