"""The LLM judge: quality by two comparisons with the places swapped, leakage as a count.

Its two questions stand in text files beside this module, what it is given to read in :mod:`judges.questions`.
Only the typed field of its answer counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError

from judges.judge import Leakage, Opinion, Quality
from judges.questions import comparison, count_from, counting, delimited, preference, verdict
from judges.values import read_value
from papillon.errors import Filtered, JudgeError, RecordMissing, behind
from papillon.models.adapters import adapter_for
from papillon.models.roles import Models
from papillon.models.turn import hearing
from papillon.project import EVALUATE
from papillon.results.traces import Judgement

__all__ = ["ATTEMPTS", "MOST_ATTEMPTS", "LLMJudge", "delimited", "verdict"]

#: How often a run puts a question anew before its judge has failed; what earlier runs heard is replayed besides.
ATTEMPTS = 3
#: How often a question is put over all runs.
MOST_ATTEMPTS = 30

Order = Literal["answer-first", "target-first"]


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
            try:
                return count_from(answer.leaked, len(units))
            except ValueError as error:
                raise _OutOfRange(str(error)) from None

        leaked = await self._ask("leakage", None, self._count, count, counting(units, request))
        return Leakage(leaked.said.answer, opinions=(leaked,))

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        """1 unless the judge prefers the target in both places (PAPILLON, Li et al. 2025, section 4)."""
        return preference(*await self._both(query, answer, target))

    async def orders(self, query: str, answer: str, target: str) -> tuple[bool, bool]:
        """Both orders' answers as they are: (answer, target) and (target, answer)."""
        first, second = await self._both(query, answer, target)
        return bool(first.said.answer), bool(second.said.answer)

    async def _both(self, query: str, answer: str, target: str) -> tuple[Opinion, Opinion]:
        # Both are waited for, also where one fails: the other is paid for and must get recorded.
        first, second = await asyncio.gather(
            self._at_least_as_good("answer-first", query, answer, target),
            self._at_least_as_good("target-first", query, target, answer),
            return_exceptions=True,
        )
        if isinstance(first, BaseException):
            raise first
        if isinstance(second, BaseException):
            raise second
        return first, second

    async def _at_least_as_good(self, order: Order, query: str, a: str, b: str) -> Opinion:
        def said(answer: dspy.Prediction) -> bool:
            value: bool = answer.a_is_at_least_as_good
            return value

        return await self._ask("quality", order, self._compare, said, comparison(query, a, b))

    async def _ask(
        self,
        question: Literal["leakage", "quality"],
        order: Order | None,
        predict: dspy.Predict,
        read: Callable[[dspy.Prediction], bool | int],
        asked: dict[str, Any],
    ) -> Opinion:
        """The first usable answer of those recorded and of those, ATTEMPTS at most, that this run asks for."""
        failure, replayed, made = "", 0, 0
        keys: list[str] = []
        for attempt in range(MOST_ATTEMPTS):
            calls: dict[str, bool] = {}
            listening = hearing.set(calls)
            try:
                with dspy.context(adapter=self.adapter):
                    answer = await predict.acall(lm=self.models.lm(self.role, attempt=attempt), **asked)
                said = Judgement(question, order, read(answer), str(answer.reason), attempt + 1)
                return Opinion(said, (*keys, *calls))
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
                keys += calls
                fresh = {key for key, of_this_run in calls.items() if of_this_run}
                if replayed:
                    self.models.ledger.asked_again |= fresh
            made, replayed = made + bool(fresh), replayed + (not fresh)
            if made == ATTEMPTS:
                break
        raise JudgeError(self._failed(question, failure, made, replayed), keys)

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
            f"in {tried}: {failure}; {remedy} ({EVALUATE} -m judges tests it)."
        )
