"""Control programs: DSPy modules that each do one simple thing in PAPILLON's place, to show what its scores are worth.

They are run and judged as the program is. What must hold for each is for ``controls``, which needs no DSPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dspy

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.scoring import UntrustedModel
from papillon.leaks import redact
from papillon.program import response_text

__all__ = ["FixedAnswer", "LocalAnswer", "PassedOn", "control_program"]


class FixedAnswer(dspy.Module):  # type: ignore[misc]
    """Sends nothing and answers ``text``, whatever it is asked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def forward(self, user_query: str) -> dspy.Prediction:
        return _alone(self.text)

    async def aforward(self, user_query: str) -> dspy.Prediction:
        return _alone(self.text)


def _alone(response: str | None) -> dspy.Prediction:
    return dspy.Prediction(llm_request="", llm_response="", response=response or "")


class PassedOn(dspy.Module):  # type: ignore[misc]
    """Sends what ``edit`` makes of the query, and answers what the untrusted model says to it."""

    def __init__(self, untrusted: UntrustedModel, edit: Callable[[str], str] = str) -> None:
        super().__init__()
        self.untrusted, self.edit = untrusted, edit

    def forward(self, user_query: str) -> dspy.Prediction:
        request = self.edit(user_query)
        return _passed_on(request, self.untrusted(request))

    async def aforward(self, user_query: str) -> dspy.Prediction:
        request = self.edit(user_query)
        return _passed_on(request, await self.untrusted.acall(request))


def _passed_on(request: str, raw: Any) -> dspy.Prediction:
    text = _text(raw)
    return dspy.Prediction(llm_request=request, llm_response=text, response=text)


def _text(raw: Any) -> str:
    try:
        return response_text(raw)
    except (ValueError, TypeError):
        # As in the program under evaluation: an unusable reply makes an empty answer, not a failed run.
        return ""


class LocalAnswer(dspy.Module):  # type: ignore[misc]
    """Sends nothing and answers what the local model says to the bare query: no prompt of ours can fail it."""

    def __init__(self, local_lm: dspy.LM) -> None:
        super().__init__()
        self.local_lm = local_lm

    def forward(self, user_query: str) -> dspy.Prediction:
        return _alone(_text(self.local_lm(user_query)))

    async def aforward(self, user_query: str) -> dspy.Prediction:
        return _alone(_text(await self.local_lm.acall(user_query)))


def control_program(name: str, example: Example, *, untrusted: UntrustedModel, local_lm: dspy.LM) -> dspy.Module:
    """The control ``name`` (one of ``plan.CONTROLS``) for one example; cheap, so it is built for each.

    ``redacted`` masks the example's own units, ``target`` answers its target. KeyError for another name.
    """
    match name:
        case "empty":
            return FixedAnswer("")
        case "verbatim":
            return PassedOn(untrusted)
        case "redacted":
            return PassedOn(untrusted, partial(redact, example.row.units))
        case "local-only":
            return LocalAnswer(local_lm)
        case "target":
            return FixedAnswer(example.target or "")
    raise KeyError(name)
