"""Figures: the tables of docs/study.md and its pictures, made from the results of the study's parts.

What has no results yet says so. Every figure comes from the harness's own views; none is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from docs.study.parts import FOLDER, PARTS, read_times
from evals.harness.comparing import scores_by_split
from evals.harness.reports.markdown_compare import comparisons_markdown, scores_table
from evals.harness.reports.markup import prose, table
from evals.harness.reports.trade_off import controls_beside, trade_off
from evals.harness.verdicts.comparison import compare
from papillon.files import write_whole
from papillon.results import Measure, RunResult, read_result
from papillon.results.words import between, number

__all__ = ["PAGE", "figured", "write_figures"]

PAGE = FOLDER.parent / "study.md"
NOT_YET = "not yet run"
#: The pictures, and what each shows.
_DRAWN = {"mini": "`mini`", "pupa15": "15 rows of PUPA_New's dev", "pupa40": "40 rows of PUPA_New's dev"}
_LOCALS = (("135 M", "135m"), ("0.5 B", "05b"), ("1.5 B", "15b"))


def write_figures() -> None:
    """Write the pictures that there are results for, and the page's tables anew."""
    for data in _DRAWN:
        named = [(said, _result(f"{data}-{size}")) for said, size in _LOCALS]
        runs = [(said, found) for said, found in named if found is not None]
        if runs:
            scores = [(said, scores_by_split(found)) for said, found in runs]
            controls = controls_beside([(said, found.controls) for said, found in runs])
            write_whole(FOLDER / f"{data}.svg", trade_off([*scores, *controls]).file())
    write_whole(PAGE, figured(PAGE.read_text(encoding="utf-8")))


def figured(page: str) -> str:
    """The page with its tables as the results have them, each between a mark of its name and ``<!-- end -->``."""

    def anew(mark: re.Match[str]) -> str:
        return f"<!-- figures: {mark[1]} -->\n{_TABLES[mark[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- figures: (\S+) -->\n.*?<!-- end -->", anew, page, flags=re.DOTALL)


def _result(part: str) -> RunResult | None:
    """What a part came to, None before its end: what was stopped has scores of a few rows."""
    over = any(sitting.over for sitting in read_times() if sitting.part == part)
    return read_result(FOLDER / "results" / f"{part}.json") if over else None


def _parts() -> str:
    times = read_times()
    body = []
    for part in PARTS:
        own = [sitting for sitting in times if sitting.part == part.name]
        found = _result(part.name) if part.results.suffix == ".json" else None
        calls = tokens = "–"
        if found is not None:
            calls = f"{found.run.calls.made + found.run.calls.replayed:,}"
            took = found.run.tokens
            tokens = f"{took.input:,} / {took.cached:,} / {took.output:,}"
        state = NOT_YET if not own else "done" if any(sitting.over for sitting in own) else "stopped"
        minutes = [f"{sum(getattr(sitting, of) for sitting in own) / 60:.1f}" if own else "–" for of in _SPENT]
        body.append([f"`{part.name}`", part.shows, *minutes, calls, tokens, state])
    spent = [f"{sum(getattr(sitting, of) for sitting in times) / 60:.1f}" for of in _SPENT]
    body.append(["all", "", *spent, "", "", ""])
    heads = [
        "part",
        "what it shows",
        ">wall, min",
        ">processor, min",
        ">calls",
        ">tokens in / of them not read again / out",
        "state",
    ]
    return table(heads, body)


_SPENT = ("wall", "processor")


def _scores(*names: tuple[str, str], drawn: str = "") -> str:
    """Each part's scores under what it is called here, those of its controls, and the picture of both."""
    named = [(said, _result(part)) for said, part in names]
    runs = [(said, found) for said, found in named if found is not None]
    missing = "; ".join(said for said, found in named if found is None)
    picture = (
        f"![Quality against leakage on {_DRAWN[drawn]}, a sign the larger the more it carried](study/{drawn}.svg)"
        if drawn
        else ""
    )
    blocks = [
        scores_table(runs, [scores_by_split(found) for _, found in runs]),
        f"{missing}: {NOT_YET}." if missing else "",
        _controls(runs),
        _gains(runs),
        picture if runs else "",
    ]
    return "\n\n".join(filter(None, blocks))


def _controls(runs: Sequence[tuple[str, RunResult]]) -> str:
    body = []
    for said, found in runs:
        for each in found.controls:
            figures = (each.quality, each.leakage, each.judge_leakage, each.carried, each.overall)
            body.append([prose(said), each.split, each.name, *map(number, figures), each.verdict])
    heads = [
        "controls of",
        "split",
        "control",
        ">quality",
        ">leakage",
        ">by the judge",
        ">carried",
        ">overall",
        "verdict",
    ]
    return table(heads, body)


def _gains(runs: Sequence[tuple[str, RunResult]]) -> str:
    body = [
        [prose(said), gain.split, str(gain.n), f"{gain.value:+.3f} ({gain.low:+.3f} … {gain.high:+.3f})"]
        for said, found in runs
        for gain in found.gains
        if gain.value is not None and gain.low is not None and gain.high is not None
    ]
    return table(["overall over local-only of", "split", ">n", ">paired gain"], body) if body else ""


def _judges() -> str:
    named = [("lexical", _result("judges-lexical")), ("1.5 B", _result("judges-15b"))]
    heads = ["question", "measure", *(f">{said}" for said, _ in named)]
    reports = [{report.subject: report for report in found.judge} if found else {} for _, found in named]
    body = []
    for subject in ("leakage", "quality"):
        own = [of.get(subject) for of in reports]
        cases = [NOT_YET if each is None else f"{len(each.failed)} of {each.cases}" for each in own]
        body.append([subject, "cases without an answer", *cases])
        for measure in dict.fromkeys(name for each in own if each for name in each.measures):
            seen = [each.measures.get(measure) if each else None for each in own]
            body.append(
                [subject, measure.replace("_", " "), *(_said(one, each) for one, each in zip(seen, own, strict=True))]
            )
    return table(heads, body)


def _said(seen: Measure | None, report: object) -> str:
    return NOT_YET if report is None else "–" if seen is None else between(seen)


def _agreement() -> str:
    """How far the two judges agree, on the rows of each part that the LLM judge scored."""
    named = [("`mini`", _result("mini-05b-llm")), ("PUPA_New", _result("pupa15-05b-llm"))]
    seen = [found.agreement if found else None for _, found in named]
    figures = {
        "quality alike": "quality",
        "quality, kappa": "quality_kappa",
        "leaks counted alike": "count",
        "any leak or none, kappa": "leak_kappa",
        "counts apart, in units": "count_difference",
    }
    body = [[said, *(_said(getattr(each, of, None), each) for each in seen)] for said, of in figures.items()]
    body.append(["rows that both judged", *(NOT_YET if each is None else str(each.rows) for each in seen)])
    lost = [NOT_YET if found is None else str(_unscored(found)) for _, found in named]
    body.append(["rows without a usable answer of the LLM judge", *lost])
    return table(["the two judges", *(f">{said}" for said, _ in named)], body)


def _unscored(found: RunResult) -> int:
    return sum(row.status == "infrastructure_error" for row in found.rows)


def _optimisation() -> str:
    before, after = _result("mini-05b"), _result("mini-05b-gepa")
    if before is None or after is None:
        return f"{NOT_YET}."
    printed = FOLDER / "results" / "gepa.txt"
    told = f"```\n{printed.read_text().strip()}\n```\n\n" if printed.exists() else ""
    return told + comparisons_markdown([compare(before, after, sliced=False)], 60_000).replace("## ", "", 1).strip()


def _of_locals(data: str) -> str:
    return _scores(*((said, f"{data}-{size}") for said, size in _LOCALS), drawn=data)


def _llm() -> str:
    return _scores(
        ("by the lexical judge", "mini-05b"),
        ("by the 1.5 B judge", "mini-05b-llm"),
        ("PUPA's 15 rows by the 1.5 B judge", "pupa15-05b-llm"),
    )


_TABLES: dict[str, Callable[[], str]] = {
    "parts": _parts,
    "mini": partial(_of_locals, "mini"),
    "llm": _llm,
    "pupa15": partial(_scores, ("0.5 B", "pupa15-05b"), drawn="pupa15"),
    "pupa40": partial(_of_locals, "pupa40"),
    "judges": _judges,
    "agreement": _agreement,
    "optimisation": _optimisation,
}
