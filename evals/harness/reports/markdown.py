"""Markdown: what a run came to, for a pull request: the verdict in its first line, and no text of a row.

A view that decides nothing. It holds ids, figures and the harness's sentences, and fits a comment whatever the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evals.harness.reports.corrected import HEADS, cells, corrected_notes
from evals.harness.reports.markdown_compare import since_block
from evals.harness.reports.markup import bullets, fence, fitted, name, prose, sentences, table
from evals.harness.reports.summary import cost_line, unjudged_lines
from evals.harness.reports.tables import asked, gate_name
from evals.harness.reports.terminal import NOT_BEGUN, unscored
from evals.harness.reports.worst import could_be_better
from papillon.results import ControlResult, Flip, GateResult, JudgeReport, Row, RunResult
from papillon.results.comparison import Comparison
from papillon.results.words import between, first_of, moves, number

__all__ = ["MOST", "nothing_markdown", "run_markdown"]

#: Bytes. GitHub takes 65,536 signs in a comment, GitLab and a job's summary more.
MOST = 60_000
#: How many flipped examples are named for each gate, and how many of the worst.
FLIPS, WORST = 20, 5
_WIDE = 100_000
_SCORES = ("quality", "leakage", "overall", "joint", "verbatim_leakage", "carried")


def run_markdown(
    result: RunResult, *, command: str = "", accepted: Sequence[str] = (), since: Comparison | None = None
) -> str:
    """The whole summary in at most MOST bytes; ``command`` runs the same again, as a shell takes it, ``accepted`` names
    the baseline files that were written, ``since`` is what changed since the last comparable run."""
    head = f"## {result.verdict.upper()}: {_headline(result)}"
    if not result.run.begun:
        return fitted([head, _what_ran(result), sentences(result.problems), _again(command)], MOST)
    return fitted(
        [
            head,
            _what_ran(result),
            _why_incomplete(result),
            _gates(result.gates),
            _notes([(gate_name(gate), gate.verdict, gate.note) for gate in result.gates]),
            sentences(unjudged_lines(result, _WIDE)),
            _moved(result.gates),
            since_block(since) if since is not None else "",
            bullets([f"Accepted: the scores of this run stand in {name(file)} now." for file in accepted]),
            _scores(result),
            _corrected(result),
            _controls(result.controls),
            _notes([(f"{each.split}-{each.name}", each.verdict, each.note) for each in result.controls]),
            _gains(result),
            *(_judge(report) for report in result.judge),
            _second_opinion(result),
            _worst(result.rows),
            sentences([*filter(None, [result.run.texts, *result.remarks])]),
            prose(f"{cost_line(result)}."),
            _again(command),
        ],
        MOST,
    )


def nothing_markdown(why: str, command: str = "") -> str:
    """The same where there is no run, and ``why``."""
    return fitted([f"## NOT RUN: {prose(why)}", _again(command)], MOST)


def _headline(result: RunResult) -> str:
    asked_for: dict[str, str] = {}
    # A gate with two bounds has two verdicts under one name; the worse one counts.
    for word in ("pass", "deferred", "inconclusive", "fail"):
        asked_for |= {gate_name(gate): word for gate in result.gates if gate.verdict == word}
    asked_for |= {f"{control.split}-{control.name}": control.verdict for control in result.controls}
    missed = {
        word: [name(each) for each, verdict in asked_for.items() if verdict == word]
        for word in ("fail", "inconclusive")
    }
    on = " and ".join(
        f"{split.selected} example{'s' * (split.selected != 1)} of {name(split.name)}" for split in result.splits
    )
    where = f" on {on}" if on else ""
    number_of = f"{len(asked_for)} gates and controls" if result.controls else f"{len(asked_for)} gates"
    match result.verdict:
        case "not run":
            return prose(NOT_BEGUN)
        case "fail":
            return f"{len(missed['fail'])} of {number_of} do not hold{where}: {_few(missed['fail'])}"
        case "incomplete":
            return f"{prose(_lack(result))}{where}"
        case "inconclusive":
            return f"{len(missed['inconclusive'])} of {number_of} cannot be told{where}: {_few(missed['inconclusive'])}"
        case "deferred":
            return f"a part of the run, complete{where}; the job that imports all parts judges it"
    return f"all {number_of} hold{where}" if asked_for else f"nothing was asked of the scores{where}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(first_of(names, 5))


def _lack(result: RunResult) -> str:
    lost = sum(row.status == "infrastructure_error" for row in result.rows)
    if lost:
        return f"{lost} of {len(result.rows)} rows have no score"
    if not result.complete:
        return "not everything that was selected has its answer"
    return result.problems[0].rstrip(".")


def _what_ran(result: RunResult) -> str:
    run = result.run
    parts = [
        f"Profile {name(run.profile)}",
        f"{name(run.dataset.name)}, {name(run.dataset.split)} split",
        f"local {name(run.models.local)}",
        f"untrusted {name(run.models.untrusted)}",
        f"judge {name(run.models.judge)}",
        *([f"{run.trials} trials"] if run.trials > 1 else []),
        *([f"program {name(run.program.path)}"] if run.program.path else []),
        f"run {name(run.id)}",
    ]
    return " · ".join(parts)


def _why_incomplete(result: RunResult) -> str:
    return sentences([*unscored(result), *result.problems])


def _gates(gates: Sequence[GateResult]) -> str:
    rows = [
        [
            name(gate_name(gate)),
            number(gate.value),
            _between(gate.low, gate.high),
            prose(asked(gate) + (" (default)" if gate.default else "")),
            _loud(gate.verdict),
            str(gate.n),
        ]
        for gate in gates
    ]
    return table(["gate", ">value", "95% interval", "asked", "verdict", ">n"], rows)


def _notes(judged: Sequence[tuple[str, str, str]]) -> str:
    """Why each that was judged, by name, verdict and note, did not hold."""
    return bullets(
        [f"{name(each)}: {prose(note)}." for each, verdict, note in judged if verdict not in ("pass", "deferred")]
    )


def _loud(verdict: str) -> str:
    return "PASS" if verdict == "pass" else f"**{verdict.upper()}**"


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} … {high:.3f}"


def _moved(gates: Sequence[GateResult]) -> str:
    """What changed since the scores were accepted, gate by gate, with the examples."""
    lines = []
    for gate in gates:
        if gate.before is None or gate.after is None:
            continue
        change = f"{number(gate.before)} → {number(gate.after)}, {moves(gate.flipped)}"
        more = [f"{len(gate.flipped) - FLIPS} more"] if len(gate.flipped) > FLIPS else []
        flips = f": {', '.join([*map(_flip, gate.flipped[:FLIPS]), *more])}" if gate.flipped else ""
        lines.append(f"{name(f'{gate.split}-{gate.metric}')} {change} against {name(gate.baseline or '–')}{flips}")
    return f"**Moved** since the scores were accepted:\n\n{bullets(lines)}" if lines else ""


def _flip(flip: Flip) -> str:
    return f"{name(flip.id)} {flip.before:g} → {flip.after:g}"


def _scores(result: RunResult) -> str:
    rows = []
    for split in result.splits:
        own = result.of(split.name)
        counts = Counter[str](row.status for row in own)
        whole, seen = result.run.dataset.sizes.get(split.name, 0), len({row.id for row in own})
        means = [number(_mean(own, metric)) for metric in _SCORES]
        lost = (counts["program_error"], counts["infrastructure_error"])
        rows.append([name(split.name), f"{seen} of {whole}" if seen != whole else str(seen), *map(str, lost), *means])
    heads = [
        "split",
        ">examples",
        ">program errors",
        ">no score",
        *(f">{metric.replace('_', ' ')}" for metric in _SCORES),
    ]
    return table(heads, rows)


def _corrected(result: RunResult) -> str:
    if not result.corrected:
        return ""
    rows = [[name(first), *rest] for first, *rest in map(cells, result.corrected)]
    heads = [HEADS[0], *(f">{head}" for head in HEADS[1:])]
    return f"{table(heads, rows)}\n\n{sentences([*corrected_notes(result.corrected)])}".strip()


def _mean(rows: Sequence[Row], metric: str) -> float | None:
    values = [score for row in rows if (score := row.score(metric)) is not None]
    return sum(values) / len(values) if values else None


def _controls(controls: Sequence[ControlResult]) -> str:
    rows = [[name(f"{each.split}-{each.name}"), *map(number, _figures(each)), _loud(each.verdict)] for each in controls]
    return table(
        ["control", ">quality", ">leakage", ">by the judge", ">verbatim", ">carried", ">overall", "verdict"], rows
    )


def _gains(result: RunResult) -> str:
    return bullets(
        [
            f"Gain over never delegating on {name(gain.split)}: {gain.value:+.3f} ({gain.low:+.3f} … {gain.high:+.3f})"
            for gain in result.gains
            if gain.value is not None and gain.low is not None and gain.high is not None
        ]
    )


def _figures(control: ControlResult) -> tuple[float | None, ...]:
    leaked = (control.leakage, control.judge_leakage, control.verbatim_leakage)
    return control.quality, *leaked, control.carried, control.overall


def _judge(report: JudgeReport) -> str:
    rows = [
        [name(measure), number(seen.value), _between(seen.low, seen.high), str(seen.n)]
        for measure, seen in report.measures.items()
    ]
    right = report.cases - len(report.failed) - len(report.wrong)
    head = f"The judge on {name(report.name)}: {report.cases} cases, {right} right, {len(report.wrong)} wrong"
    head += f", {len(report.failed)} without an answer" if report.failed else ""
    head += "".join(f", {number} left out: {prose(why)}" for why, number in report.left_out.items())
    wrong = f"Judged wrong: {_few([name(each) for each in report.wrong])}" if report.wrong else ""
    return "\n\n".join(filter(None, [head, table(["measure", ">value", "95% interval", ">n"], rows), wrong]))


def _second_opinion(result: RunResult) -> str:
    lines = []
    if (seen := result.agreement) is not None and seen.rows:
        lines.append(
            prose(
                f"Beside the lexical judge, {seen.rows} rows: quality alike in {between(seen.quality)}, "
                f"leaks counted alike in {between(seen.count)}"
            )
        )
    if over := [name(row.id) for row in result.rows if row.undercounted]:
        lines.append(
            f"The judge was overruled in {len(over)} rows; it counts fewer leaks than stand verbatim: {_few(over)}"
        )
    return bullets(lines)


def _worst(rows: Sequence[Row]) -> str:
    worst = could_be_better(rows)
    body = [
        [
            name(row.id),
            number(row.overall),
            f"{row.quality or 0:g}",
            f"{row.leaked or 0:g} of {row.units}",
            prose(row.error or ""),
        ]
        for row in worst[:WORST]
    ]
    heads = ["worst examples", ">overall", ">quality", ">leaked", "error"]
    return table(heads, body)


def _again(command: str) -> str:
    if not command or len(command.encode()) > MOST // 4:
        return "Run again by the command that the log shows." if command else ""
    return f"To run the same again:\n\n{fence(command)}"
