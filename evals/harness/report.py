"""Report: what a person sees of a run, while it goes and at its end. A view of the run; it decides nothing but
whether all was clean.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from evals.harness.gates import GateResult
from evals.harness.results import as_json, write_json
from evals.harness.rows import Row
from evals.harness.run import Run
from papillon.data_report import contamination, left_out_line

__all__ = ["Report", "clock", "fitted", "gate_table"]


class Report:
    """Progress lines while items wait, and the summary at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.problems: list[str] = []
        self.accepted: list[str] = []
        self._run: Run | None = None
        self._next = 0.0

    def begin(self, run: Run) -> None:
        self._run = run
        self._next = time.monotonic() + 2

    def tick(self) -> None:
        """Show how far the run is, every few seconds; called whenever pytest has nothing better to do."""
        terminal: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        now = time.monotonic()
        if self._run is None or terminal is None or now < self._next or self.config.option.verbose < 0:
            return
        self._next = now + (5 if terminal.isatty else 10)
        capture: Any = self.config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            path = terminal.currentfspath
            if not terminal._tw.width_of_current_line:
                terminal.currentfspath = None  # at the start of a line there is nothing to break
            terminal.write_line(fitted(progress_parts(self._run), terminal._tw.fullwidth))
            # pytest would print the suite's path again before the next letter.
            terminal.currentfspath = path

    def write(self, run: Run) -> None:
        """Write the files that were asked for."""
        if run.plan.settings.results_file is not None:
            write_json(as_json(run), run.plan.settings.results_file)

    def clean(self, run: Run) -> bool:
        """Whether every row is there and every gate that was asked for passed, or is left to a later job."""
        verdicts = {result.verdict for result in run.verdicts()}
        return run.complete and verdicts <= {"pass", "deferred"} and not self.problems

    def summarize(self, terminal: Any, run: Run) -> None:
        """The summary: scores, gates, what went wrong, what it cost, and what to type next."""
        width = terminal._tw.fullwidth
        settings = run.plan.settings
        terminal.section("PAPILLON", sep="=")
        line = terminal.write_line
        judge = settings.profile.judge
        judged_by = judge.model.model if judge.kind == "llm" and judge.model else "the lexical judge"
        line(
            fitted(
                [
                    f"profile {settings.profile.name}",
                    f"{run.plan.dataset.name}, {settings.profile.split} split",
                    f"local {settings.profile.local.model}",
                    f"untrusted {settings.profile.untrusted.model}",
                    f"judged by {judged_by}",
                ],
                width,
                "\n  ",
            )
        )
        for remark in self._remarks(run):
            line(remark)
        for split in run.examples:
            line(_split_line(run, split))
        for text in gate_table(run.verdicts(), width):
            line(text)
        for split in run.examples:
            if not any(gate.split == split for gate in run.plan.gates):
                line(f"Profile {settings.profile.name} has no gates for {split}: its scores are shown, not judged.")
        for text in _worst(run, width):
            line(text)
        line(_cost_line(run))
        for file in self.accepted:
            line(f"Accepted: the scores of this run stand in {file} now; review and commit it.")
        for problem in [*self._problems(run), *self.problems]:
            line(problem)
        if not self.problems and run.complete:
            line(f"Next: {_next_command(run)}")

    def _remarks(self, run: Run) -> list[str]:
        profile, departs = run.plan.settings.profile, run.plan.settings.departs
        remarks = []
        if any(model.model.startswith("embedded/") for model in (profile.local, profile.untrusted)):
            remarks.append(
                "The embedded model has 135 M parameters: its scores show that the harness works, not how good "
                "PAPILLON is."
            )
        judge = profile.judge
        if judge.kind == "llm" and judge.model is not None and judge.model.model.startswith("embedded/"):
            remarks.append("The judge is the embedded model too: read its scores as noise, not as quality or leakage.")
        if left_out := left_out_line(run.plan.dataset):
            remarks.append(left_out)
        shared = contamination(run.plan.dataset.rows, profile.split)
        if not shared.clean:
            remarks.append(f"The {profile.split} split is contaminated: dev {shared.dev}; test {shared.test}.")
        if departs and profile.regressions:
            remarks.append(f"The profile's baseline does not apply: {', '.join(departs)} changed what is compared.")
        if run.imported:
            remarks.append(f"Imported: {run.imported}.")
        return remarks

    def _problems(self, run: Run) -> list[str]:
        rows = run.all_rows()
        failed = [row for row in rows if row.status == "infrastructure_error"]
        problems = []
        if failed:
            causes = Counter(row.error or "" for row in failed).most_common(3)
            problems.append(f"{len(failed)} of {len(rows)} rows have no score, so this run cannot pass:")
            problems += [f"  {count} × {cause}" for cause, count in causes]
            problems.append("Run the same command again to go on: what is recorded is replayed.")
        return problems


def progress_parts(run: Run) -> list[str]:
    """What a progress line holds, most important first."""
    at = run.scheduler.progress()
    parts = [f"{at.done}/{at.total} examples"]
    if at.controls:
        parts.append(f"{at.controls_done}/{at.controls} control samples")
    if at.left is not None:
        parts.append(f"{clock(at.left)} left")
    if at.quality is not None and at.leakage is not None:
        parts.append(f"quality {at.quality:.2f} leakage {at.leakage:.2f}")
    parts.append(f"{run.ledger.made} calls made, {run.ledger.replayed} replayed")
    if (cost := run.ledger.usd()) is not None:
        parts.append(f"{cost:.2f} USD")
    return parts


def fitted(parts: list[str], width: int, between: str = " · ") -> str:
    """As many of the parts as one line holds; with another separator, broken over lines instead."""
    if between != " · ":
        lines = [parts[0]]
        for part in parts[1:]:
            if len(lines[-1]) + 3 + len(part) <= width:
                lines[-1] += f" · {part}"
            else:
                lines.append(f"  {part}")
        return "\n".join(lines)
    text = parts[0]
    for part in parts[1:]:
        if len(text) + 3 + len(part) > width:
            break
        text += f" · {part}"
    return text


def clock(seconds: float) -> str:
    """Minutes and seconds, hours where there are any."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _mean(rows: list[Row], metric: str) -> str:
    values = [score for row in rows if (score := row.score(metric)) is not None]
    return f"{sum(values) / len(values):.3f}" if values else "–"


def _split_line(run: Run, split: str) -> str:
    rows = run.rows(split)
    counts = Counter[str](row.status for row in rows)
    whole = run.plan.whole.get(split, 0)
    seen = len({row.id for row in rows})
    extent = f"{seen} of {whole} examples" if seen != whole else f"{seen} examples"
    parts = [f"{split}: {extent}", f"{counts['scored']} scored"]
    for status, name in (("program_error", "program errors"), ("infrastructure_error", "without a score")):
        if counts[status]:
            parts.append(f"{counts[status]} {name}")
    scores = " ".join(f"{m} {_mean(rows, m)}" for m in ("quality", "leakage", "overall", "verbatim_leakage"))
    return f"{', '.join(parts)}; {scores}"


def gate_table(results: list[GateResult], width: int) -> list[str]:
    """The gates as a table that fits ``width`` columns; the note goes below where there is room for it only."""
    if not results:
        return []
    heads = ("gate", "value", "95% interval", "asked", "n", "verdict")
    body = []
    for result in results:
        name = f"{result.split}-{result.metric}" + ("-regression" if result.kind == "regression" else "")
        interval = (
            f"{result.low:.3f} … {result.high:.3f}" if result.low is not None and result.high is not None else "–"
        )
        value = f"{result.value:.3f}" if result.value is not None else "–"
        body.append((name, value, interval, _asked(result), str(result.n), result.verdict.upper()))
    columns = [max(len(row[i]) for row in [heads, *body]) for i in range(len(heads))]
    # In a narrow window the interval goes first: the note repeats what it says.
    kept = [i for i in range(len(heads)) if sum(columns) + 2 * len(columns) <= width or i != 2]
    lines = ["  ".join(row[i].ljust(columns[i]) for i in kept).rstrip() for row in [heads, *body]]
    notes = [
        f"{result.split}-{result.metric}: {result.note}"
        for result in results
        if result.note and result.verdict != "pass"
    ]
    return [*lines, *notes]


def _asked(result: GateResult) -> str:
    if result.min is not None:
        return f"≥ {result.min:g}"
    if result.max is not None:
        return f"≤ {result.max:g}"
    return f"drop < {result.max_drop:g}" if result.max_drop is not None else "no drop"


def _worst(run: Run, width: int) -> list[str]:
    rows = [row for row in run.all_rows() if row.status != "infrastructure_error" and (row.overall or 0) < 1]
    if not rows:
        return []
    rows.sort(key=lambda row: (row.overall or 0.0, -(row.leakage or 0.0)))
    lines = ["worst examples:"]
    for row in rows[:5]:
        text = f"  {row.id}  overall {row.overall:.2f}  quality {row.quality:g}  leaked {row.leaked:g}/{row.units}"
        if row.error:
            text += f"  {row.error}"
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
    seconds = clock(run.scheduler.progress().seconds)
    return f"{calls}; {given} tokens in, {taken} out; {price}; {seconds}"


def _next_command(run: Run) -> str:
    split = "test" if list(run.examples) == ["dev"] else "dev"
    profile = run.plan.settings.profile
    chosen = "" if profile.name == "embedded" else f" --eval-profile {profile.path or profile.name}"
    if any(row.status == "program_error" or (row.overall or 0) < 1 for row in run.all_rows()):
        row = min(run.all_rows(), key=lambda row: row.overall or 0.0)
        return f'pytest evals -k "{row.id}"{chosen} -vv'
    return f"pytest evals -m {split}{chosen}"
