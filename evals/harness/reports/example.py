"""Example: everything about one row, as lines for a terminal: what was asked, sent, answered and judged, and its calls.

It shows private texts, where there are any, and says so in its first line: who calls it was asked for them by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import zip_longest

from evals.harness.reports.lexical import GOOD_ENOUGH, Reason, reason
from evals.harness.reports.lines import Lines
from evals.harness.reports.marked import Piece, differences, marked, marked_requests
from papillon.leaks import leaks
from papillon.results import Row
from papillon.results.run import ModelNames
from papillon.results.traces import Judgement, Trace
from papillon.results.words import number
from papillon.screen import visible
from papillon.tables import Column, table

__all__ = ["PRIVATE", "example_view", "figures", "name_of"]

PRIVATE = "This shows private texts: query, units, requests, answers, target, and what the judge and the models said."
_NO_TEXTS = "This shows figures alone: this row has no texts here."

_STATUS = {"scored": "scored", "program_error": "a program error", "infrastructure_error": "without a score"}
#: What the quality judge's two answers, the answer standing first and then the target, come to.
_VERDICTS = {
    "better": "yes and no: the answer is preferred in both places, so it is better",
    "tie": "yes both times: neither is worse than the other, a tie",
    "worse": "no and yes: the target is preferred in both places, so the answer is worse",
    "inconsistent": "no both times: whichever stood first was preferred less, which says nothing of the two",
}
_WAYS = {"verbatim": "word for word", "near": "nearly"}
_CALLS = (
    Column("role"),
    Column("tokens in", "in", right=True),
    Column("out", right=True),
    Column("USD", right=True),
    Column("this run"),
    Column("key"),
)
_UNITS = (Column("unit"), Column("in the query"), Column("sent"))


def example_view(found: Iterable[tuple[Row, Trace | None]], models: ModelNames, lines: Lines) -> list[str]:
    """The rows of one example, one for each trial, each with its texts where there are any."""
    rows = list(found)
    texts = any(trace is not None for _, trace in rows)
    view = [*lines.said(PRIVATE, indent=0), *lines.legend] if texts else lines.said(_NO_TEXTS, indent=0)
    for row, trace in rows:
        view += [*lines.heading(f"{name_of(row, len(rows))}: {_STATUS[row.status]}"), *lines.said(figures(row))]
        if row.error:
            view += lines.said(visible(row.error, one_line=True))
        if trace is not None:
            for part in (_query, _requests, _unparsed, _answer, _quality, _leakage, _calls):
                view += part(row, trace, models, lines)
    return view


def name_of(row: Row, trials: int) -> str:
    """A row's id, and its trial where there are several."""
    return f"{row.id} trial {row.trial}" if trials > 1 or row.trial else row.id


def figures(row: Row) -> str:
    """A row's scores on one line, – where it has none."""
    if row.status == "infrastructure_error":
        return f"no scores, {row.units} unit{'s' * (row.units != 1)}"
    verdict = f" ({row.verdict})" if row.verdict else ""
    leaked = f"{row.leaked} of {row.units} units leaked"
    carried = "" if row.carried is None else f", carried {number(row.carried)}"
    leakage = f"leakage {number(row.leakage)} ({leaked})"
    judged = "" if row.quality is None else f"overall {number(row.overall)}, quality {row.quality:g}{verdict}, "
    return f"{judged}{leakage}{carried}"


def _query(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    places = leaks(trace.units, trace.query)
    how = {place.unit: place.how for place in places}
    ways = list(how.values())
    stand = f"of {len(trace.units)} units {ways.count('verbatim')} stand in it" if trace.units else "no unit is named"
    stand += f", {ways.count('near')} nearly" if "near" in ways else ""
    view = [*lines.heading(f"Query: {stand}"), *lines.text(marked(trace.query, places))]
    if trace.units:
        body = [
            (lines.one_line(unit), _WAYS[how[unit]] if unit in how else "nowhere", _sent(unit, trace))
            for unit in trace.units
        ]
        view += ["", *(f"  {line}" for line in table(_UNITS, body, lines.width - 2))]
    return view


def _sent(unit: str, trace: Trace) -> str:
    """How a unit stands in the requests, and in which where there are several."""
    ways = []
    for how, words in _WAYS.items():
        places = dict.fromkeys(leak.request + 1 for leak in trace.leaked_units if (leak.unit, leak.how) == (unit, how))
        if places:
            where = f" in {' and '.join(map(str, places))}" if len(trace.requests) > 1 else ""
            ways.append(words + where)
    return ", ".join(ways) or "–"


def _requests(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    if not trace.requests:
        return lines.heading(f"Nothing was sent to {models.untrusted}.")
    view = []
    for place, (pieces, came) in enumerate(zip_longest(marked_requests(trace), trace.untrusted_responses), 1):
        which = f" {place} of {len(trace.requests)}" if len(trace.requests) > 1 else ""
        found = len({leak.unit for leak in trace.leaked_units if leak.request == place - 1})
        view += lines.heading(f"Request{which} to {models.untrusted}: {found} of {len(trace.units)} units found in it")
        view += lines.text(pieces or [Piece("(empty)")])
        if came is None:
            view += lines.heading(f"Nothing came back{f' to request{which}' if which else ''}.")
        else:
            view += [*lines.heading(f"What came back{f' to request{which}' if which else ''}"), *_or_empty(came, lines)]
    return view


def _or_empty(text: str, lines: Lines) -> list[str]:
    return lines.said(text if text.strip() else "(empty)")


def _unparsed(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    if trace.unparsed is None:
        return []
    head = "What the model wrote, in no format that was asked for"
    if row.status == "infrastructure_error":
        head = "What the judge wrote last, which could not be used"
    return [*lines.heading(head), *_or_empty(trace.unparsed, lines)]


def _answer(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    if not trace.response.strip() or not trace.target.strip():
        view = []
        for head, text in (("Answer", trace.response), ("Target", trace.target)):
            if text or head == "Answer":  # a row without a target shows none
                view += [*lines.heading(head), *_or_empty(text, lines)]
        return view
    return lines.beside(*differences(trace.response, trace.target), ("Answer", "Target"))


def _quality(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    if not trace.target or (row.quality is None and not trace.judge):
        return []
    view = lines.heading(f"Quality{'' if row.quality is None else f' {row.quality:g}'}, by {_judge(models)}")
    said = [judgement for judgement in trace.judge if judgement.question == "quality"]
    for judgement in said:
        ours, theirs = ("the answer", "the target")
        first, second = (ours, theirs) if judgement.order == "answer-first" else (theirs, ours)
        answer = "yes" if judgement.answer else "no"
        view += _opinion(f"Is {first}, first, at least as good as {second}? {answer}", judgement, lines)
    if row.verdict is not None and len(said) > 1:
        view += lines.said(f"Together {_VERDICTS[row.verdict]}: quality {row.quality:g}.")
    elif not said and models.judge == "lexical" and row.status == "scored":
        view += _closeness(reason(trace.response, trace.target), lines)
    elif not said:
        view += lines.said(_not_asked(row))
    return view


def _closeness(why: Reason, lines: Lines) -> list[str]:
    found = why.closeness
    parts = f"content {number(found.content)} × (1 + length {number(found.length)}) / 2"
    view = [
        *lines.said(f"By a rule, no model: closeness to the target of {GOOD_ENOUGH:g} and more is quality 1."),
        *lines.said(
            f"Closeness {number(found.value)} = {parts}. Content is the share of letters in words that both have, "
            "length the shorter text's over the longer's."
        ),
    ]
    if why.lacks:
        words = [word if times == 1 else f"{word} ({times} times)" for word, times in why.lacks]
        more = f", and {why.more} more" if why.more else ""
        view += lines.said(f"Of the target's words the answer lacks most by letters: {', '.join(words)}{more}.")
    return view


def _leakage(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    if row.leaked is None and not trace.judge:
        return []
    counted = "" if row.leaked is None else f": {row.leaked} of {row.units} units count as leaked"
    view = lines.heading(f"Leakage, by {_judge(models)} and by search{counted}")
    said = [judgement for judgement in trace.judge if judgement.question == "leakage"]
    for judgement in said:
        view += _opinion(f"The judge counted {judgement.answer} of {row.units}", judgement, lines)
    lexical = models.judge == "lexical"
    if lexical:
        view += lines.said("By a rule, no model: a unit counts that stands in what was sent, word for word or nearly.")
    elif not said:
        view += lines.said(_not_asked(row))
    exact = {leak.unit for leak in trace.leaked_units if leak.how == "verbatim"}
    near = {leak.unit for leak in trace.leaked_units} - exact
    view += lines.said(f"Search finds {len(exact)} word for word and {len(near)} nearly.")
    if lexical:
        view += _near(near, trace, lines)
    if row.leaked is not None and row.undercounted:
        view += lines.said(
            f"The judge was overruled: it counted {row.judge_leaked}, search {row.verbatim_leaked} word for word."
        )
    if trace.judge_extra:
        view += lines.said(f"The judge counted {trace.judge_extra} more than search finds; which, its reason may say.")
    return view


def _near(units: Collection[str], trace: Trace, lines: Lines) -> list[str]:
    """That each of these units counts, and what of a request it was found in."""
    view = []
    for leak in trace.leaked_units:
        if leak.unit in units and leak.request < len(trace.requests):
            found = trace.requests[leak.request][leak.start : leak.end]
            says = " counts although it stands there only nearly, as "
            view += lines.text(
                (Piece(visible(leak.unit, one_line=True)), Piece(says), Piece(found or "(nothing)", "near"), Piece("."))
            )
    return view


def _judge(models: ModelNames) -> str:
    return "the lexical judge" if models.judge == "lexical" else models.judge


def _not_asked(row: Row) -> str:
    return "The judge was not asked: there was nothing to judge." if row.leaked is not None else "It has not answered."


def _opinion(said: str, judgement: Judgement, lines: Lines) -> list[str]:
    tries = f" (asked {judgement.attempts} times)" if judgement.attempts > 1 else ""
    reason = judgement.reason.strip()
    return [*lines.said(f"{said}{tries}."), *(lines.said(f"Reason: {reason}", indent=4) if reason else [])]


def _calls(row: Row, trace: Trace, models: ModelNames, lines: Lines) -> list[str]:
    calls = trace.calls
    if not calls:
        return lines.heading("It rests on no recorded call.")
    body = [
        (
            *(call.role, _count(call.input_tokens), _count(call.output_tokens)),
            *("–" if call.cost_usd is None else f"{call.cost_usd:.6f}", "replayed" if call.replayed else "made"),
            call.key[:12],
        )
        for call in calls
    ]
    head = lines.heading("Calls")
    return [*head, *(f"  {line}" for line in table(_CALLS, body, lines.width - 2))]


def _count(tokens: int | None) -> str:
    return "–" if tokens is None else str(tokens)
