"""Evaluation of one example: run a program on it, judge what it did, and say which of three outcomes it was.

Scored, program error and infrastructure error are never mixed: the first two are scores, the last is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError, LMError

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import (
    Fault,
    Heard,
    Outcome,
    Part,
    empty_answer,
    format_fault,
    row_without_scores,
    scored,
)
from judges.judge import Judge, Leakage
from papillon.errors import Filtered, InfrastructureError, JudgeError, Unreachable, behind, cause_of, one_line, place_of
from papillon.models.characters import whole_characters
from papillon.models.fields import said_in
from papillon.models.turn import Turn, Use, current_turn
from papillon.program import response_text

__all__ = ["Program", "ProgramRaised", "UntrustedModel", "evaluate"]


NOBODYS = (
    "The program asked the untrusted model in a thread of its own, where nobody can tell for which example; "
    "ask in forward's own thread, or run what asks in contextvars.copy_context()."
)


class Program(Protocol):
    """What is evaluated: a DSPy module that can be awaited."""

    async def acall(self, *, user_query: str) -> Any: ...


class ProgramRaised(Exception):
    """A program raised something of its own; the text names its class and place, never what it says."""


class UntrustedModel:
    """The untrusted model as a program gets it: the turn hears each request before it is sent, and what comes back.

    ``whose`` has a request refused of which no turn can hear, as from a thread that the program made: what leaked with
    it would count for no example.
    """

    def __init__(self, lm: Any, *, whose: bool = False) -> None:
        self.lm, self.whose = lm, whose

    def __call__(self, request: str) -> Any:
        request = _text(request)
        came = _heard(request, self.whose)
        return came(self.lm(request))

    async def acall(self, request: str) -> Any:
        request = _text(request)
        came = _heard(request, self.whose)
        return came(await self.lm.acall(request))


def _text(request: Any) -> str:
    """The request as it can be sent; raises TypeError for what is no text."""
    if not isinstance(request, str):
        raise TypeError(f"a request to the untrusted model is a text, got a {type(request).__name__}")
    return whole_characters(request)


def _heard(request: str, whose: bool) -> Callable[[Any], Any]:
    turn = current_turn.get()
    if turn is None or turn.on_request is None:
        if whose:
            raise InfrastructureError(NOBODYS)
        return _unheard
    heard = turn.on_request(request)

    def came(raw: Any) -> Any:
        # What has no text in it is the program's to make something of.
        with contextlib.suppress(ValueError, TypeError):
            heard(response_text(raw))
        return raw

    return came


def _unheard(raw: Any) -> Any:
    return raw


class _Sent:
    """What a program sent out and what came back, and the leakage judge already at work on it."""

    def __init__(self, judge: Judge, units: tuple[str, ...], turn: Turn) -> None:
        self.judge, self.units, self.turn = judge, units, turn
        self.requests: list[str] = []
        self.responses: dict[int, str] = {}
        self._tasks: list[asyncio.Task[Leakage]] = []
        self._last: asyncio.Task[Leakage] | None = None

    def add(self, request: str) -> Callable[[str], None]:
        """Take a request, and give what is to be called with the response to it."""
        # A program may ask more than once: what it leaked is judged over all that it sent.
        self.requests.append(request)
        self._last = None
        # A program that blocks asks from a thread of its own; its requests are judged when it is done.
        with contextlib.suppress(RuntimeError):
            self._last = asyncio.get_running_loop().create_task(self._judged())
            self._tasks.append(self._last)
        return partial(self.responses.__setitem__, len(self.requests) - 1)

    @property
    def heard(self) -> Heard:
        """What is known before anything is judged."""
        came = tuple(self.responses.get(place) for place in range(len(self.requests)))
        return Heard(tuple(self.requests), came)

    async def _judged(self) -> Leakage:
        current_turn.set(self.turn.judging())
        return await self.judge.leakage(self.units, self.heard.sent)

    async def leakage(self) -> Leakage:
        """The judge's answer on all that was sent; those on less are waited for, and count for nothing."""
        if not any(self.requests):
            return Leakage(0)
        await self.settled()
        return await (self._last or self._judged())

    async def settled(self) -> None:
        """Wait for the judge's calls in flight: they are paid for, and must get recorded."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def evaluate(program: Program, judge: Judge, example: Example, *, trial: int, order: int) -> Outcome:
    """One sample of one example; never raises for what a model, a judge or the program did."""
    turn = Turn(order)
    sent = _Sent(judge, example.row.units, turn)
    turn.on_request = sent.add
    current_turn.set(turn)
    try:
        return await _evaluated(program, judge, example, turn, sent, trial)
    finally:
        # The two hold each other, and the turn holds whole records: these need not wait for the garbage collector.
        turn.on_request = None
        turn.uses.clear()


async def _evaluated(program: Program, judge: Judge, example: Example, turn: Turn, sent: _Sent, trial: int) -> Outcome:
    started = time.perf_counter()
    answer, fault, quality = "", None, None
    try:
        answer, fault = await _answer(program, example.row.user_query, turn)
        if fault is None and example.target is not None:
            current_turn.set(turn.judging())
            quality = await judge.quality(example.row.user_query, answer, example.target)
        leaked = await sent.leakage()
    except Exception as error:
        await sent.settled()
        lost = row_without_scores(example, trial, time.perf_counter() - started, _cause(error))
        cause = behind(error)
        unusable = _said_last(cause.calls, turn) if isinstance(cause, JudgeError) else None
        heard = replace(sent.heard, answer=answer, fault=fault, quality=quality, unusable=unusable)
        return Outcome(
            lost,
            heard,
            _by_part(turn, heard),
            waits=isinstance(cause, Unreachable),
            withheld=isinstance(cause, Filtered),
            on_record=False,
        )
    heard = replace(sent.heard, answer=answer, fault=fault, leakage=leaked, quality=quality)
    on_record = not (turn.failed or (fault and fault.refused))
    return scored(example, trial, heard, time.perf_counter() - started, uses=_by_part(turn, heard), on_record=on_record)


def _cause(error: Exception) -> str:
    """Why there is no score; what an exception of no family says may be a row's text."""
    known = isinstance(error, LMError) or behind(error) is not None
    return cause_of(error) if known else f"{type(error).__name__} ({place_of(error)})"


def _by_part(turn: Turn, heard: Heard) -> tuple[tuple[Part, Use], ...]:
    """The turn's calls by what they were for: the program's as they began, then the judge's by question."""
    uses = [use for _, use in sorted(turn.uses.items())]
    found: list[tuple[Part, Use]] = [
        ("local" if use.role == "local" else "untrusted", use) for use in uses if use.role != "judge"
    ]
    judged = {use.record.key: use for use in uses if use.role == "judge"}
    answered: set[str] = set()
    for opinion in heard.opinions:
        found += [(opinion.said.order or "leakage", judged[key]) for key in opinion.keys if key in judged]
        answered.update(opinion.keys)
    return (*found, *(("judge", judged[key]) for key in sorted(judged.keys() - answered)))


async def _answer(program: Program, query: str, turn: Turn) -> tuple[str, Fault | None]:
    answer, fault = "", None
    try:
        answer, fault = _response(await program.acall(user_query=query))
    except ProgramRaised as error:
        fault = Fault(str(error), raised=True)
    except AdapterParseError as error:
        fault = format_fault(
            error.adapter_name.lstrip("_"),
            list(error.signature.output_fields),
            error.parsed_result or (),
            _unparsed(error, turn),
            _textless(turn),
        )
    except ContextWindowExceededError as error:
        fault = Fault(f"A prompt did not fit the model: {one_line(error)}", raised=True, refused=True)
    except Exception as error:
        if not isinstance(filtered := behind(error), Filtered):
            raise
        fault = Fault(f"filtered: {filtered}", raised=True, refused=True)
    for failure in turn.failures.values():
        # A program may catch its models' failures; what it makes of an outage is no answer.
        if isinstance(failure, InfrastructureError) and not isinstance(failure, Filtered):
            raise failure
    if fault is None and not answer.strip():
        refused = [failure for failure in turn.failures.values() if isinstance(failure, Filtered)]
        fault = empty_answer(_textless(turn))
        if refused:
            fault = Fault(f"filtered: {refused[0]}", raised=False, refused=True)
    return answer if fault is None else "", fault


def _response(answer: Any) -> tuple[str, Fault | None]:
    """What a program answered, and what is wrong with that."""
    if not hasattr(answer, "response"):
        return "", Fault(f"The program gave a {type(answer).__name__} without a response.", raised=False)
    if not isinstance(response := answer.response or "", str):
        return "", Fault(f"The program's response is of type {type(response).__name__} and no text.", raised=False)
    return whole_characters(response), None


def _unparsed(error: AdapterParseError, turn: Turn) -> str:
    """All that the model wrote, of which an adapter may name a part."""
    part = error.lm_response or ""
    answers = [said_in(use.record) for _, use in sorted(turn.uses.items(), reverse=True)]
    return next((answer for answer in answers if part in answer), part)


def _said_last(calls: Sequence[str], turn: Turn) -> str | None:
    """What the last of a judge's calls was answered with."""
    records = {use.record.key: use.record for use in turn.uses.values()}
    return next((said_in(records[key]) for key in reversed(calls) if key in records), None)


def _textless(turn: Turn) -> str:
    """Which models gave something else than text: that may be why there is nothing to read."""
    return "".join(f"; the {role} model answered with {what} and no text" for role, what in turn.textless.items())
