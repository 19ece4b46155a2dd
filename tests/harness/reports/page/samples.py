"""Runs for the page's tests: as many rows as a test wants, with texts of the length that PUPA's have."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from evals.harness.pages import run_page
from evals.harness.reports.page.writing import write_page
from evals.harness.verdicts.scores import scores_of
from evals.harness.verdicts.slices import slices
from papillon.results import Agreement, ControlResult, Flip, Gain, JudgeReport, Measure, Row, RunResult, SplitInfo
from papillon.results.rows import METRICS, Verdict
from papillon.results.traces import Judgement, LeakedUnit, Trace, TracedCall, Traces
from papillon.units import UnitsCheck
from tests.papillon.results.samples import INFO, gate

__all__ = ["CANARY", "changed", "large_run", "left", "page_row", "page_text", "paged", "trace_of"]

#: A word that stands in the texts of each 100th row alone.
CANARY = "Quetzalcoatlus"

_WORDS = [
    "please",
    "write",
    "a",
    "short",
    "letter",
    "to",
    "the",
    "office",
    "about",
    "my",
    "application",
    "for",
    "the",
    "position",
    "and",
    "mention",
    "that",
    "the",
    "contract",
    "ends",
    "in",
    "spring",
    "because",
    "the",
    "family",
    "moves",
    "to",
    "another",
    "town",
    "where",
    "rent",
    "and",
    "school",
    "are",
    "cheaper",
    "than",
    "here",
    "we",
    "would",
    "like",
    "to",
    "keep",
    "the",
    "account",
    "and",
    "the",
    "insurance",
    "but",
    "need",
    "a",
    "new",
    "address",
    "on",
    "every",
    "document",
    "before",
    "the",
    "first",
    "of",
    "march",
]
_NAMES = ("Ada Quill", "Harrow Build", "Zofia Żak", "12 Elm Row", "+44 20 7946 0000", "李小龙")
_CATEGORIES = ("Job, Visa, & Other Applications", "Financial and Corporate Info", "Healthcare")
_FAILED, _UNTOLD = "leakage is 0.410, at most 0.25 was asked", "the interval holds 0.66"
_OVERLOOKS, _KINDS = "the judge counts 0.700 of 0.960", {"partial": (18, 20)}
_VERDICTS: tuple[Verdict, ...] = ("better", "tie", "worse", "inconsistent")


_NOTHING: dict[str, None] = dict.fromkeys(
    (
        *("quality", "verdict", "leaked", "judge_leaked", "leakage", "verbatim_leaked"),
        *("overall", "tutorial_overall", "carried"),
    )
)


def page_row(i: int, *, split: str = "dev", trial: int = 0) -> Row:
    """The i-th row: each seventh a program error, each eleventh without a score, the others scored."""
    draw = random.Random(i * 10 + trial)
    units = draw.randint(0, 4)
    leaked, verdict = draw.randint(0, units), draw.choice(_VERDICTS)
    quality = float(verdict != "worse")
    leakage = leaked / units if units else 0.0
    about = {"category": _CATEGORIES[i % 3], "query_chars": 900, "script": "Latin"}
    scored = Row(
        *(
            f"{split}-{i:04d}-{i * 2654435761 % 2**32:08x}",
            split,
            trial,
            f"g{i // 2}",
            "scored",
            None,
            quality,
            verdict,
        ),
        *(leaked, leaked, units, leakage, min(leaked, 1), (quality + 1 - leakage) / 2, (quality + 1 - leakage) / 2),
        carried=round(draw.random(), 3),
        seconds=1.25,
        **about,
    )
    if i % 7 == 3:
        return replace(
            scored,
            status="program_error",
            error="The answer was not in the program's format.",
            overall=0.0,
            quality=0.0,
            verdict=None,
        )
    if i % 11 == 5:
        return replace(scored, status="infrastructure_error", error="The model could not be reached.", **_NOTHING)
    return scored


def trace_of(row: Row, words: int = 140) -> Trace:
    """Texts for a row, about ``words`` words long each."""
    draw = random.Random(row.id.encode(errors="replace"))
    units = _NAMES[: row.units]

    def said(names: tuple[str, ...]) -> str:
        text = draw.choices(_WORDS, k=words)
        for name in names:
            text.insert(draw.randrange(len(text)), name)
        return " ".join(text) + "."

    query, request = said(units), said(units[: row.leaked or 0])
    if row.id[:8].endswith("00"):
        query += f" {CANARY}"
    places = [(unit, request.index(unit)) for unit in units[: row.leaked or 0]]
    call = TracedCall("local", "8aef70b8" * 8, 298, 57, 0.0001, True)
    return Trace(
        *(row.id, row.trial, query, said(("[REDACTED]",)), units, said(units)),
        *((request,), (said(()),), said(units), None),
        tuple(LeakedUnit(unit, 0, "verbatim", start, start + len(unit)) for unit, start in places),
        judge_extra=0,
        judge=(
            Judgement("leakage", None, row.leaked or 0, "It names the person.", 1),
            Judgement("quality", "answer-first", True, "Both do what was asked.", 1),
            Judgement("quality", "target-first", False, "The first is more complete.", 2),
        ),
        calls=(call, replace(call, role="untrusted"), call, *(replace(call, role="judge"),) * 3),
        error=row.error,
    )


def large_run(count: int, trials: int = 1) -> tuple[RunResult, Iterator[Trace]]:
    """A run over ``count`` examples of dev, with something to say in every part, and its rows' texts."""
    rows = tuple(page_row(i, trial=trial) for i in range(count) for trial in range(trials))
    flips = tuple(Flip(row.id, 1.0, 0.0) for row in rows[:40:4])
    run = RunResult(
        replace(INFO, trials=trials, models=replace(INFO.models, judge="openai/judge")),
        rows,
        gates=(
            gate(value=0.76, low=0.7, high=0.81, n=count, groups=count // 2, smallest=0.056),
            gate(metric="leakage", value=0.41, low=0.36, high=0.46, min=None, max=0.25, verdict="fail", note=_FAILED),
            gate(metric="overall", value=0.68, low=0.58, high=0.77, min=0.66, verdict="inconclusive", note=_UNTOLD),
            gate(
                kind="regression",
                value=-0.04,
                low=-0.1,
                high=0.02,
                min=None,
                n=count,
                baseline="accepted.json",
                before=0.8,
                after=0.76,
                flipped=flips,
                smallest=0.07,
            ),
        ),
        controls=(
            ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass", carried=0.0),
            ControlResult("verbatim", "dev", 0.9, 0.98, 0.7, 0.96, 0.5, "fail", _OVERLOOKS, carried=0.99),
            ControlResult("redacted", "dev", 0.7, 0.0, 0.0, 0.0, 0.85, "pass", carried=0.98),
        ),
        splits=(SplitInfo("dev", count, 4, UnitsCheck(count, 3, {}, {rows[0].id: 1}, 400, 0.01)),),
        gains=(Gain("dev", 0.05, -0.01, 0.11, count, count // 2),),
        judge=(JudgeReport("leakage", 160, (), ("leak-012",), {"kappa": Measure(0.81, 0.7, 0.9, 160)}, _KINDS, {}),),
        agreement=Agreement(count, *[Measure(0.8, 0.7, 0.9, count)] * 5),
        remarks=("Something to know.",),
    )
    return run, map(trace_of, rows)


def changed(run: RunResult) -> RunResult:
    """The same run with each fifth scored row answered worse, and each twentieth better, under another id."""
    rows = tuple(_changed(i, row) for i, row in enumerate(run.rows))
    return replace(run, rows=rows, run=replace(run.run, id="5d2a5d2a5d2a5d2a", profile="other"))


def _changed(i: int, row: Row) -> Row:
    if row.status != "scored" or i % 5:
        return row
    if i % 20:
        return replace(row, quality=0.0, verdict="worse", overall=(1 - (row.leakage or 0.0)) / 2)
    return replace(row, quality=1.0, verdict="tie", leaked=0, judge_leaked=0, leakage=0.0, overall=1.0)


def page_text(count: int = 3, **info: Any) -> str:
    """A page of so many rows, with what a test changes of what ran."""
    run, traces = large_run(count)
    run = replace(run, run=replace(run.run, **info))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        write_page(path, run, traces, {"dev": scores_of(run.rows, METRICS)}, {"dev": slices(run.rows)})
        return path.read_text("utf-8")


def left(folder: Path, run: RunResult, *, texts: bool = True) -> Path:
    """A run's folder, with the texts of its rows or without."""
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(run.to_text())
    if texts:
        (folder / "traces.jsonl").write_bytes(b"".join(trace_of(row).to_line() for row in run.rows))
    return folder


def paged(run: RunResult, folder: Path) -> Path:
    """A run's page, made from its folder."""
    path = folder / "page.html"
    run_page(path, run, Traces(left(folder / "run", run)))
    return path
