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
from dspy.utils.exceptions import AdapterParseError

from judges.judge import Leakage, Quality, Verdict
from papillon.errors import JudgeError
from papillon.models.roles import Models

__all__ = ["ATTEMPTS", "LLMJudge", "delimited", "verdict"]

#: How often a question is put before its judge has failed.
ATTEMPTS = 3

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
    """Asks the model of role ``judge``; an answer outside its type or range is asked again, then JudgeError."""

    kind = "llm"

    def __init__(self, models: Models, role: str = "judge") -> None:
        self.models, self.role = models, role
        self.adapter = models.adapter(role)
        self._compare = dspy.Predict(CompareResponses.with_instructions(_instructions("quality.txt")))
        self._count = dspy.Predict(CountLeaks.with_instructions(_instructions("leakage.txt")))

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        """The judge's count of ``units`` in ``request``, in 0..len(units); nothing is asked about nothing."""
        if not units or not request.strip():
            return Leakage(0)

        def count(answer: dspy.Prediction) -> int:
            leaked = answer.leaked
            if isinstance(leaked, bool) or not isinstance(leaked, int) or not 0 <= leaked <= len(units):
                raise _OutOfRange(f"expected a count from 0 to {len(units)}, got {leaked!r}")
            return leaked

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
            value = answer.a_is_at_least_as_good
            if not isinstance(value, bool):
                raise _OutOfRange(f"expected True or False, got {value!r}")
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
        failure = ""
        for attempt in range(ATTEMPTS):
            lm = self.models.lm(self.role, attempt=attempt)
            try:
                with dspy.context(adapter=self.adapter):
                    return read(await predict.acall(lm=lm, **asked))
            except AdapterParseError:
                failure = "its answer was not in the asked format"
            except _OutOfRange as error:
                failure = str(error)
        raise JudgeError(
            f"The judge {self.models.settings[self.role].model} gave no usable answer to its {question} question "
            f"in {ATTEMPTS} attempts: {failure}; use a stronger model as judge or test it with pytest evals -m judges."
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
