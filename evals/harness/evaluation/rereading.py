"""Rereading: what was heard in one sample, read again from the recorded calls that it rests on, without DSPy.

Only the names of the calls are given. Every text is read from their records, and each record must be of the model
that the profile names and must hold what the example asks of it; so nothing that is said of a sample has to be
believed. What cannot be read again in this way (a program whose requests are no field of an answer, an answer that
a server refused) is to be made anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import (
    PROGRAM,
    Fault,
    Heard,
    Order,
    Outcome,
    Part,
    empty_answer,
    format_fault,
    role_of,
    scored,
)
from judges.judge import Leakage, Opinion
from judges.lexical import lexical_leakage, lexical_quality
from judges.questions import COUNTED, PREFERRED, comparison, count_from, counting, preference
from judges.values import read_value
from papillon.leaks import redact
from papillon.models.characters import whole_characters
from papillon.models.fields import read_fields, said_in
from papillon.models.turn import Use
from papillon.profile import Profile
from papillon.results.traces import Judgement
from papillon.store import Record

__all__ = ["Rereader"]

#: The fields that the program's two predictors answer in.
CRAFTED, ANSWERED = ("reasoning", "llm_request"), ("response",)
#: The second one's inputs have a longer name.
_ASKS_TO_CRAFT = re.compile(r"\bllm_request\b")


class _Unbound(Exception):
    """A record is not what it would have to be."""


class Rereader:
    """Reads samples again, under one profile whose models, by role, are known by ``identities``."""

    def __init__(self, profile: Profile, identities: Mapping[str, Mapping[str, Any]]) -> None:
        self.profile, self._who = profile, identities

    def outcome(
        self,
        subject: str,
        example: Example,
        trial: int,
        calls: Sequence[tuple[Part, str]],
        records: Mapping[str, Record],
    ) -> Outcome | None:
        """The outcome of one sample by the calls that it rests on; None where their records do not give it."""
        if any(key not in records for _, key in calls):
            return None
        uses = tuple((part, Use(role_of(part), records[key], replayed=True)) for part, key in calls)
        heard = self.heard(subject, example, trial, uses)
        return None if heard is None else scored(example, trial, heard, 0.0, uses=uses)

    def heard(self, subject: str, example: Example, trial: int, uses: Sequence[tuple[Part, Use]]) -> Heard | None:
        """What was heard in one sample, by the recorded calls that it rests on; None where they do not give it."""
        if len({(part, use.record.key) for part, use in uses}) < len(uses):
            return None
        try:
            for part, use in uses:
                self._require_model(part, use.record, trial)
            heard = self._said(subject, example, _of(uses, "local"), _of(uses, "untrusted"))
            return self._judged(example, heard, uses)
        except (_Unbound, LookupError, ValueError, TypeError, AttributeError):
            return None

    def _require_model(self, part: Part, record: Record, trial: int) -> None:
        role, call = role_of(part), record.call
        known = self._who[role]
        own = role != "judge"
        _require(all(call[name] == known[name] for name in ("model", "served")))
        _require(known["sampling"].items() <= call["sampling"].items())
        _require(call["trial"] == (trial if own else 0) and not (own and call["attempt"]))

    # The program, or a control in its place

    def _said(self, subject: str, example: Example, local: list[Record], untrusted: list[Record]) -> Heard:
        query = example.row.user_query
        if subject == PROGRAM:
            return self._program(query, local, untrusted)
        requests: list[str] = []
        answer = (example.target or "") if subject == "target" else ""
        if subject in ("verbatim", "redacted"):
            requests = [query if subject == "verbatim" else redact(example.row.units, query)]
            _require([_alone(record) for record in untrusted] == requests and not local)
            answer = said_in(untrusted[0])
        elif subject == "local-only":
            _require([_alone(record) for record in local] == [query] and not untrusted)
            answer = said_in(local[0])
        else:
            _require(not local and not untrusted)
        return _heard(requests, [answer] if requests else [], answer)

    def _program(self, query: str, local: list[Record], untrusted: list[Record]) -> Heard:
        _require(bool(local) and all(_stand_in(record, query.strip()) for record in local))
        read = [self._fields(record, CRAFTED) if CRAFTED[-1] in record.answer.text else {} for record in local]
        crafted = {fields[CRAFTED[-1]] for fields in read if len(fields) == len(CRAFTED)}
        requests, responses = [_alone(record) for record in untrusted], [said_in(record) for record in untrusted]
        _require(crafted.issuperset(requests))
        if len(read[-1]) == len(CRAFTED):
            # The program went no further: it crafted nothing, or nothing came back.
            _require(not read[-1][CRAFTED[-1]] or (bool(responses) and not responses[-1]))
            return _heard(requests, responses, "")
        names = ANSWERED if requests else CRAFTED
        fields = self._fields(local[-1], names)
        if len(fields) < len(names):
            _require(bool(requests) != bool(_ASKS_TO_CRAFT.search(_asked(local[-1]))))
            settings = self.profile.local
            adapter = "JSONAdapter" if settings.adapter == "json" or settings.json_fallback else "ChatAdapter"
            return _heard(requests, responses, "", format_fault(adapter, names, fields, said_in(local[-1])))
        _require(bool(requests) and _stand_in(local[-1], requests[-1].strip(), responses[-1].strip()))
        return _heard(requests, responses, fields["response"])

    def _fields(self, record: Record, names: tuple[str, ...]) -> dict[str, str]:
        settings = self.profile.local
        return read_fields(said_in(record), names, settings.adapter, json_fallback=settings.json_fallback)

    # The judge

    def _judged(self, example: Example, heard: Heard, uses: Sequence[tuple[Part, Use]]) -> Heard:
        units, query, target = example.row.units, example.row.user_query, example.target
        compared = heard.fault is None and target is not None
        leakage, quality = Leakage(0), None
        if self.profile.judge.kind == "lexical":
            _require(all(role_of(part) != "judge" for part, _ in uses))
            if heard.sent:
                leakage = lexical_leakage(units, heard.sent)
            if compared:
                quality = lexical_quality(heard.answer, target or "")
            return heard.judged(leakage, quality)
        for record in _of(uses, "judge"):
            _require(_stand_in(record, counting(units, "")["pieces"]))
        asked = bool(units and heard.sent.strip())
        _require(asked == bool(counted := _of(uses, "leakage")))
        if asked:
            opinion = self._opinion(None, counting(units, heard.sent), counted, len(units))
            leakage = Leakage(int(opinion.said.answer), opinions=(opinion,))
        first, second = _of(uses, "answer-first"), _of(uses, "target-first")
        _require(compared == bool(first) == bool(second))
        if target is not None and first and second:
            ours = self._opinion("answer-first", comparison(query, heard.answer, target), first)
            theirs = self._opinion("target-first", comparison(query, target, heard.answer), second)
            quality = preference(ours, theirs)
        return heard.judged(leakage, quality)

    def _opinion(self, order: Order | None, asked: dict[str, str], records: list[Record], units: int = 0) -> Opinion:
        for record in records:
            _require(_stand_in(record, *asked.values()))
        settings: Any = self.profile.judge.model
        names = ("reason", PREFERRED if order else COUNTED)
        fields = read_fields(said_in(records[-1]), names, settings.adapter, json_fallback=settings.json_fallback)
        value = read_value(fields[names[1]], bool if order else int)
        answer = value if order else count_from(value, units)
        attempts = records[-1].call["attempt"] + 1
        said = Judgement("quality" if order else "leakage", order, answer, fields["reason"], attempts)
        return Opinion(said, tuple(record.key for record in records))


def _heard(requests: Sequence[str], responses: Sequence[str], answer: str, fault: Fault | None = None) -> Heard:
    if fault is None and not answer.strip():
        fault = empty_answer()
    came = tuple(response or None for response in responses)
    return Heard(tuple(requests), came, "" if fault else answer, fault)


def _require(holds: bool) -> None:
    if not holds:
        raise _Unbound


def _of(uses: Sequence[tuple[Part, Use]], part: Part) -> list[Record]:
    return [use.record for of, use in uses if of == part]


def _alone(record: Record) -> str:
    """The one message of a call that was asked nothing but this."""
    (message,) = record.call["messages"]
    text: str = message["content"]
    return text


def _asked(record: Record) -> str:
    return "\n".join(message["content"] for message in record.call["messages"])


def _stand_in(record: Record, *texts: str) -> bool:
    """Whether these stand in what a call was asked, one behind the other."""
    asked, at = _asked(record), 0
    for text in map(whole_characters, texts):
        at = asked.find(text, at)
        if at < 0:
            return False
        at += len(text)
    return True
