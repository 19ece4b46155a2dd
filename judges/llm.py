"""The LLM judge: quality by two comparisons with the places swapped, leakage as a count.

Its two questions stand in text files beside this module. What it reads is data: delimited, with
delimiters inside it made harmless, and only the typed field of its answer counts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError

from judges.judge import Leakage, Quality, Verdict
from judges.values import Count, read_value
from papillon.errors import Filtered, JudgeError, RecordMissing, behind
from papillon.models.adapters import adapter_for
from papillon.models.roles import Models
from papillon.models.turn import hearing

__all__ = ["ATTEMPTS", "MOST_ATTEMPTS", "LLMJudge", "delimited", "verdict"]

#: How often a run puts a question anew before its judge has failed; what earlier runs heard is replayed besides.
ATTEMPTS = 3
#: How often a question is put over all runs.
MOST_ATTEMPTS = 30

T = TypeVar("T")


def _instructions(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").strip()


class CompareResponses(dspy.Signature):  # type: ignore[misc]
    user_query: str = dspy.InputField()
    response_a: str = dspy.InputField()
    response_b: str = dspy.InputField()
    reason: str = dspy.OutputField()
    a_is_at_least_as_good: bool = dspy.OutputField()


class CountLeaks(dspy.Signature):  # type: ignore[misc]
    pieces: str = dspy.InputField(desc="the numbered pieces of private information")
    request: str = dspy.InputField(desc="the text that was sent out")
    reason: str = dspy.OutputField()
    leaked: int = dspy.OutputField(desc="how many of the pieces the request gives away")


class _OutOfRange(Exception):
    """An answer of the right form that cannot be true."""


class LLMJudge:
    """Asks the model of role ``judge``; an answer outside its type or range is asked again, then JudgeError.

    Each attempt is recorded and replayed like any call; a run in which all recorded ones are unusable asks anew.
    """

    kind = "llm"

    def __init__(self, models: Models, role: str = "judge") -> None:
        self.models, self.role = models, role
        settings = models.settings[role]
        self.adapter = adapter_for(settings.adapter, json_fallback=settings.json_fallback, read=read_value)
        self._compare = dspy.Predict(CompareResponses.with_instructions(_instructions("quality.txt")))
        self._count = dspy.Predict(CountLeaks.with_instructions(_instructions("leakage.txt")))

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        """The judge's count of ``units`` in ``request``, in 0..len(units); nothing is asked about nothing."""
        if not units or not request.strip():
            return Leakage(0)

        def count(answer: dspy.Prediction) -> int:
            leaked: Count = answer.leaked
            if leaked.of not in (None, len(units)) or not 0 <= leaked.number <= len(units):
                said = leaked.number if leaked.of is None else f"{leaked.number} of {leaked.of}"
                raise _OutOfRange(f"expected a count from 0 to {len(units)}, got {said}")
            return leaked.number

        pieces = "\n".join(f"{number}. {' '.join(unit.split())}" for number, unit in enumerate(units, 1))
        asked = {"pieces": delimited(pieces), "request": delimited(request)}
        return Leakage(await self._ask("leakage", self._count, count, asked))

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        """1 unless the judge prefers the target in both places (PAPILLON, Li et al. 2025, section 4)."""
        first, second = await self.orders(query, answer, target)
        return Quality(score=int(first or first == second), verdict=verdict(first, second))

    async def orders(self, query: str, answer: str, target: str) -> tuple[bool, bool]:
        """Both orders' answers as they are: (answer, target) and (target, answer)."""
        # Both are waited for, also where one fails: the other is paid for and must get recorded.
        first, second = await asyncio.gather(
            self._at_least_as_good(query, answer, target),
            self._at_least_as_good(query, target, answer),
            return_exceptions=True,
        )
        if isinstance(first, BaseException):
            raise first
        if isinstance(second, BaseException):
            raise second
        return first, second

    async def _at_least_as_good(self, query: str, a: str, b: str) -> bool:
        def said(answer: dspy.Prediction) -> bool:
            value: bool = answer.a_is_at_least_as_good
            return value

        asked = {"user_query": delimited(query), "response_a": delimited(a), "response_b": delimited(b)}
        return await self._ask("quality", self._compare, said, asked)

    async def _ask(
        self,
        question: str,
        predict: dspy.Predict,
        read: Callable[[dspy.Prediction], T],
        asked: dict[str, Any],
    ) -> T:
        """The first usable answer of those recorded and of those, ATTEMPTS at most, that this run asks for."""
        failure, replayed, made = "", 0, 0
        for attempt in range(MOST_ATTEMPTS):
            calls: dict[str, bool] = {}
            listening = hearing.set(calls)
            try:
                with dspy.context(adapter=self.adapter):
                    return read(await predict.acall(lm=self.models.lm(self.role, attempt=attempt), **asked))
            except AdapterParseError:
                failure = "its answer was not in the asked format"
            except _OutOfRange as error:
                failure = str(error)
            except LMError as error:
                cause = behind(error)
                if replayed and isinstance(cause, RecordMissing):
                    break  # a strict replay has come to the last recorded attempt
                if not (calls and isinstance(cause, Filtered)):
                    raise
                failure = "a content filter withheld its answer"  # which is recorded as such
            finally:
                hearing.reset(listening)
                fresh = {key for key, of_this_run in calls.items() if of_this_run}
                if replayed:
                    self.models.ledger.asked_again |= fresh
            made, replayed = made + bool(fresh), replayed + (not fresh)
            if made == ATTEMPTS:
                break
        raise JudgeError(self._failed(question, failure, made, replayed))

    def _failed(self, question: str, failure: str, made: int, replayed: int) -> str:
        """The sentence on a question without a usable answer: how often it was put, and what to do."""
        tried = f"{made} attempts" + (f", after {replayed} of earlier runs" if replayed else "")
        if not made:
            tried = f"{replayed} recorded attempt" + ("s" if replayed > 1 else "")
        again = "run again" if self.models.record == "new" else "run with --eval-record new"
        remedy = f"{again} to ask it up to {ATTEMPTS} times more, or use a stronger model as judge"
        if made + replayed == MOST_ATTEMPTS:
            remedy = "it is asked no more, so use a stronger model as judge, or make every call anew "
            remedy += "with --eval-record all"
        return (
            f"The judge {self.models.settings[self.role].model} gave no usable answer to its {question} question "
            f"in {tried}: {failure}; {remedy} (pytest evals -m judges tests it)."
        )


def verdict(first: bool, second: bool) -> Verdict:
    """What the two orders say together: ``first`` of (ours, target), ``second`` of (target, ours)."""
    if first:
        return "tie" if second else "better"
    return "worse" if second else "inconsistent"


_DELIMITER = re.compile(r"<(\s*/?\s*data\b)", re.IGNORECASE)
_MARKER = re.compile(r"([\[\]])(?=\1)")


def delimited(text: str) -> str:
    """Text between the judge's delimiters; neither they nor DSPy's field markers can be forged in it."""
    safe = _MARKER.sub(r"\1 ", _DELIMITER.sub(r"&lt;\1", text))
    return f"<data>\n{safe}\n</data>"
