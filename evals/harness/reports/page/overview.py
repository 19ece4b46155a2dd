"""Overview: what of a run's result stands above its examples, in the words and the order in which they stand there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evals.harness.reports.corrected import HEADS, cells, corrected_notes
from evals.harness.reports.judge import MEANING
from evals.harness.reports.page.examples import link_of
from evals.harness.reports.page.pictures import delegation, leakage_histogram, strip
from evals.harness.reports.tables import asked, gate_name
from evals.harness.reports.trade_off import Scores
from evals.harness.reports.worst import could_be_better
from papillon.results import GateResult, JudgeReport, Measure, Row, RunResult, SplitInfo
from papillon.results.comparison import Slice
from papillon.results.words import between, first_of, moves, points

__all__ = ["Told", "headline", "overview", "trouble"]

#: The metrics of which a split's mean is shown, the first the largest.
_SHOWN = ("quality", "leakage", "overall", "joint", "carried", "verbatim_leakage", "errors")
#: So many ids stand after a cause.
_IDS = 5
_WORST = 5

_TITLES = {
    "pass": "Passed",
    "fail": "Failed",
    "inconclusive": "Could not be told",
    "deferred": "Left to a later job",
}


@dataclass(frozen=True)
class Told:
    """One thing that is not as it should be: its verdict, what it is about, what there is to say, and which rows."""

    verdict: str
    title: str
    note: str
    links: tuple[tuple[str, str], ...] = ()


def overview(result: RunResult, scores: Scores, slices: Mapping[str, Sequence[Slice]]) -> dict[str, Any]:
    """What the template shows of a run, by name; ``scores`` are the means by split and metric, ``slices`` by split."""
    verdict, sentence = headline(result)
    return {
        "result": result,
        "run": result.run,
        "verdict": verdict,
        "title": _TITLES[verdict],
        "sentence": sentence,
        "trouble": list(trouble(result)),
        "remarks": [text for text in (result.run.texts, *result.remarks) if text],
        "splits": [_split(result, split, scores.get(split.name, {})) for split in result.splits],
        "gates": [_gate(gate) for gate in result.gates],
        "pictures": [picture for picture in _pictures(result, scores) if picture is not None],
        "slices": [(split, _by_property(found)) for split, found in slices.items() if found],
        "examinations": [_examination(report) for report in result.judge],
        "agreement": _agreement(result),
        "overruled": [(_link(result, row), row) for row in result.rows if row.undercounted],
        "corrected": [cells(each) for each in result.corrected],
        "corrected_heads": HEADS,
        "corrected_notes": [*corrected_notes(result.corrected)],
        "worst": [(_link(result, row), row) for row in could_be_better(result.rows)[:_WORST]],
    }


def headline(result: RunResult) -> tuple[str, str]:
    """The run's verdict in one word of a gate's, and in a sentence; both follow from the result."""
    every = [*(gate.verdict for gate in result.gates), *(control.verdict for control in result.controls)]
    count = Counter[str](every)
    if not result.run.begun:
        return "inconclusive", "No item got as far as asking for its result, so nothing was evaluated."
    said = [f"{count[verdict]} {word}" for verdict, word in _WORDS.items() if count[verdict]]
    gates = "No gate was asked for."
    if len(said) == 1:
        gates = f"{'The one gate or control' if len(every) == 1 else 'All gates and controls'}: {said[0]}."
    elif every:
        gates = f"Of {len(every)} gates and controls {', '.join(said)}."
    reasons = [gates, *_incomplete(result)]
    if result.clean:
        return ("deferred" if every and set(every) == {"deferred"} else "pass"), gates
    if len(reasons) == 1 and not (count["fail"] or count["inconclusive"]):
        reasons += first_of(result.problems, 1)
    return ("fail" if count["fail"] else "inconclusive"), " ".join(reasons)


def _incomplete(result: RunResult) -> Iterator[str]:
    """What the run lacks, each as a sentence."""
    if lost := sum(row.status == "infrastructure_error" for row in result.rows):
        yield f"{lost} of {len(result.rows)} rows have no score, so this run cannot pass."
    missing = result.run.trials * sum(split.selected for split in result.splits) - len(result.rows)
    if missing > 0:
        yield f"{missing} rows of the selected examples are missing, so this run cannot pass."
    if unanswered := sum(len(report.failed) for report in result.judge):
        yield f"{unanswered} cases of the judge's own test have no answer."
    if unscored := sum(control.unscored for control in result.controls):
        yield f"{unscored} examples of controls have no score."


_WORDS = {"fail": "failed", "inconclusive": "could not be told", "deferred": "left to a later job", "pass": "passed"}


def trouble(result: RunResult) -> Iterator[Told]:
    """What keeps the run from passing: what failed, what could not be told, and what has no score."""
    for verdict in ("fail", "inconclusive"):
        for gate in result.gates:
            if gate.verdict == verdict:
                links = tuple((flip.id, flip.id) for flip in gate.flipped[:_IDS] if result.run.trials == 1)
                yield Told(verdict, gate_name(gate), gate.note, links)
        for control in result.controls:
            if control.verdict == verdict:
                yield Told(verdict, f"control {control.name} on {control.split}", control.note)
    causes: dict[str, list[Row]] = {}
    for row in result.rows:
        if row.status == "infrastructure_error":
            causes.setdefault(row.error or "", []).append(row)
    for cause, rows in sorted(causes.items(), key=lambda item: -len(item[1])):
        links = tuple((_link(result, row), row.id) for row in rows[:_IDS])
        yield Told("inconclusive", f"{len(rows)} {'rows' if len(rows) > 1 else 'row'} without a score", cause, links)
    for report in result.judge:
        if report.failed:
            title = f"judge on {report.name}: {len(report.failed)} of {report.cases} cases without an answer"
            yield Told("inconclusive", title, ", ".join(first_of(report.failed, _IDS)))
    for problem in result.problems:
        yield Told("inconclusive", "problem", problem)


def _split(result: RunResult, split: SplitInfo, scores: Mapping[str, Measure]) -> dict[str, Any]:
    rows, ids = result.of(split.name), list(split.units.absent)
    return {
        "name": split.name,
        "examples": len({row.id for row in rows}),
        "whole": result.run.dataset.sizes.get(split.name, split.selected),
        "statuses": Counter[str](row.status for row in rows),
        "gated": split.gates,
        "judged": any(gate.split == split.name for gate in result.gates),
        "figures": [(metric.replace("_", " "), scores[metric]) for metric in _SHOWN if metric in scores],
        "units": split.units,
        "absent": (sum(split.units.absent.values()), first_of(ids, 3)),
    }


def _pictures(result: RunResult, scores: Scores) -> Iterator[Markup | None]:
    yield from delegation([("this run", scores)], result.controls)
    for split in result.splits:
        yield leakage_histogram(result.of(split.name), split.name)


def _gate(gate: GateResult) -> dict[str, Any]:
    change = ""
    if gate.before is not None and gate.after is not None:
        change = f"{gate.before:.3f} → {gate.after:.3f}, {moves(gate.flipped)}"
    sees = "" if gate.smallest is None else ("nothing" if gate.smallest > 1 else points(gate.smallest))
    return {
        "gate": gate,
        "name": gate_name(gate),
        "asked": asked(gate) + (" (default)" if gate.default else ""),
        "sees": sees,
        "change": change,
        "picture": strip(gate),
    }


def _by_property(found: Sequence[Slice]) -> list[tuple[str, list[Slice]]]:
    by: dict[str, list[Slice]] = {}
    for each in found:
        by.setdefault(each.by, []).append(each)
    return [(_PROPERTIES[name], of) for name, of in by.items()]


_PROPERTIES = {
    "category": "category",
    "length": "characters in the query",
    "script": "script of the query",
    "units": "units",
}


def _examination(report: JudgeReport) -> dict[str, Any]:
    failed = len(report.failed)
    return {
        "report": report,
        "right": report.cases - failed - len(report.wrong),
        "measures": [(name, seen, MEANING.get(name, "")) for name, seen in report.measures.items()],
    }


def _agreement(result: RunResult) -> list[tuple[str, str]]:
    found = result.agreement
    if found is None or not found.rows:
        return []
    return [
        ("rows that both judged", str(found.rows)),
        ("quality alike", between(found.quality)),
        ("kappa of quality", between(found.quality_kappa)),
        ("leaks counted alike", between(found.count)),
        ("kappa of any leak", between(found.leak_kappa)),
        ("counts apart, in units", between(found.count_difference)),
    ]


def _link(result: RunResult, row: Row) -> str:
    return link_of(row, result.run.trials > 1)
