"""Evaluation of one example: run a program on it, judge what it did, and say which of three outcomes it was.

Scored, program error and infrastructure error are never mixed: the first two are scores, the last is none.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import Outcome
from judges.closeness import closeness
from judges.judge import Judge, Leakage, Quality
from judges.scores import score
from papillon.errors import Filtered, InfrastructureError, Unreachable, behind, cause_of, one_line
from papillon.models.turn import Turn, current_turn
from papillon.results.rows import Row

__all__ = ["Program", "UntrustedModel", "evaluate"]


class Program(Protocol):
    """What is evaluated: a DSPy module that can be awaited."""

    async def acall(self, *, user_query: str) -> Any: ...


class UntrustedModel:
    """The untrusted model as a program gets it: each request is heard by the turn before it is sent."""

    def __init__(self, lm: Any) -> None:
        self.lm = lm

    def __call__(self, request: str) -> Any:
        _heard(request)
        return self.lm(request)

    async def acall(self, request: str) -> Any:
        _heard(request)
        return await self.lm.acall(request)


def _heard(request: str) -> None:
    turn = current_turn.get()
    if turn is not None and turn.on_request is not None:
        turn.on_request(request)


class _Sent:
    """What a program sent out, and the leakage judge already at work on it."""

    def __init__(self, judge: Judge, units: tuple[str, ...], turn: Turn) -> None:
        self.judge, self.units, self.turn = judge, units, turn
        self.text = ""
        self._task: asyncio.Task[Leakage] | None = None
        #: Judgements of a part alone: they count for nothing, and are paid for.
        self._earlier: list[asyncio.Task[Leakage]] = []

    def add(self, request: str) -> None:
        # A program may ask more than once: what it leaked is judged over all that it sent.
        self.text = f"{self.text}\n\n{request}" if self.text else request
        if self._task is not None:
            self._earlier.append(self._task)
            self._task = None
        # A program that blocks asks from a thread of its own; its requests are judged when it is done.
        with contextlib.suppress(RuntimeError):
            self._task = asyncio.get_running_loop().create_task(self._judged())

    async def _judged(self) -> Leakage:
        current_turn.set(self.turn.judging())
        return await self.judge.leakage(self.units, self.text)

    async def leakage(self) -> Leakage:
        if not self.text:
            return Leakage(0)
        await asyncio.gather(*self._earlier, return_exceptions=True)
        return await (self._task or self._judged())

    async def settled(self) -> None:
        """Wait for the judge's calls in flight: they are paid for, and must get recorded."""
        await asyncio.gather(*self._earlier, *filter(None, [self._task]), return_exceptions=True)


async def evaluate(program: Program, judge: Judge, example: Example, *, trial: int, order: int) -> Outcome:
    """One sample of one example; never raises for what a model, a judge or the program did."""
    turn = Turn(order)
    units = example.row.units
    sent = _Sent(judge, units, turn)
    turn.on_request = sent.add
    current_turn.set(turn)
    started = time.perf_counter()

    def row(**scores: Any) -> Row:
        return Row(
            id=example.id,
            split=example.split,
            trial=trial,
            group=example.group,
            units=len(units),
            seconds=round(time.perf_counter() - started, 3),
            **scores,
        )

    try:
        answer, fault = await _answer(program, example.row.user_query, turn)
        quality = Quality(0)
        if fault is None:
            current_turn.set(turn.judging())
            quality = await judge.quality(example.row.user_query, answer, example.row.target_response)
        leaked = await sent.leakage()
    except Exception as error:
        await sent.settled()
        lost = row(status="infrastructure_error", error=cause_of(error), **_NO_SCORES)
        cause = behind(error)
        return Outcome(lost, turn.keys, waits=isinstance(cause, Unreachable), withheld=isinstance(cause, Filtered))
    scores = score(
        units,
        sent.text,
        judge_leaked=leaked.leaked,
        quality=quality.score,
        usable=fault is None,
        raised=fault is not None and fault.raised,
    )
    scored = row(
        status="scored" if fault is None else "program_error",
        error=fault.text if fault is not None else None,
        verdict=quality.verdict,
        **vars(scores),
    )
    # The lexical judge's opinion costs nothing, so it stands beside every other judge's.
    close = quality.closeness if quality.closeness is not None else closeness(answer, example.row.target_response)
    return Outcome(scored, turn.keys, close, leaked.near, on_record=not (turn.failed or (fault and fault.refused)))


_NO_SCORES: dict[str, Any] = dict.fromkeys(
    ("quality", "verdict", "leaked", "judge_leaked", "leakage", "verbatim_leaked", "overall", "tutorial_overall")
)


@dataclass(frozen=True)
class _Fault:
    """Why the program gave nothing usable, whether an exception left it, and whether a call of its was refused."""

    text: str
    raised: bool
    refused: bool = False


async def _answer(program: Program, query: str, turn: Turn) -> tuple[str, _Fault | None]:
    answer, fault = "", None
    try:
        answer = (await program.acall(user_query=query)).response or ""
    except AdapterParseError as error:
        said = _fields(error) + _textless(turn)
        fault = _Fault(f"A model's output was not in the program's format: {said}.", raised=True)
    except ContextWindowExceededError as error:
        fault = _Fault(f"A prompt did not fit the model: {one_line(error)}", raised=True, refused=True)
    except Exception as error:
        if not isinstance(filtered := behind(error), Filtered):
            raise
        fault = _Fault(f"filtered: {filtered}", raised=True, refused=True)
    for failure in turn.failures.values():
        # A program may catch its models' failures; what it makes of an outage is no answer.
        if isinstance(failure, InfrastructureError) and not isinstance(failure, Filtered):
            raise failure
    if fault is None and not answer.strip():
        refused = [failure for failure in turn.failures.values() if isinstance(failure, Filtered)]
        text = f"filtered: {refused[0]}" if refused else f"The program answered empty{_textless(turn)}."
        fault = _Fault(text, raised=False, refused=bool(refused))
    return answer if fault is None else "", fault


def _textless(turn: Turn) -> str:
    """Which models gave something else than text: that may be why there is nothing to read."""
    return "".join(f"; the {role} model answered with {what} and no text" for role, what in turn.textless.items())


def _fields(error: AdapterParseError) -> str:
    """Which fields were expected and found; what the model wrote instead is private, and stays out."""
    expected = list(error.signature.output_fields)
    found = ", ".join(name for name in expected if name in (error.parsed_result or ())) or "none of them"
    return f"{error.adapter_name.lstrip('_')} expected the fields {', '.join(expected)}, got {found}"
