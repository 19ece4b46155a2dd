"""Learnable: a program as DSPy's optimizers and ArborGRPO can learn with it: called, with predictors, and overheard.

They score a prediction by its ``llm_request``. A class of the user's own need not give one: here it gets what its
untrusted model was sent.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError, LMError

from papillon.errors import UsageError, behind
from papillon.profile import Profile
from papillon.program import make_program

__all__ = ["make_learnable"]

#: What the program under way in this context has sent, None within a call and outside a program.
_sent: ContextVar[list[str] | None] = ContextVar("papillon_sent", default=None)


def make_learnable(profile: Profile, untrusted_model: Any) -> dspy.Module:
    """The profile's program over an untrusted model, which can be put in another's place as ``untrusted_model``.

    Raises UsageError, in a sentence, for a class of the user's own that nothing can learn with.
    """
    program = make_program(profile, untrusted_model)
    if profile.program_class is None:
        return program
    lacking = [
        what
        for there, what in (
            (program.predictors(), "a predictor such as dspy.Predict, made in __init__"),
            (callable(getattr(program, "forward", None)), "forward, beside aforward or alone"),
            (vars(program).get("untrusted_model") is untrusted_model, "its model kept as self.untrusted_model"),
        )
        if not there
    ]
    if lacking:
        raise UsageError(
            f"{profile.program_class}: optimisation and training need {' and '.join(lacking)}; evaluation does not."
        )
    del program.untrusted_model
    cls = type(program)
    meta: Any = type(cls)
    program.__class__ = meta(cls.__name__, (_Overheard, cls), {"__module__": cls.__module__})
    program.untrusted_model = untrusted_model
    return program


class _Overheard:
    """Before a program's own class: its predictions say what was sent, and what is no answer is an empty one."""

    @property
    def untrusted_model(self) -> Any:
        return _Heard(self._model)

    @untrusted_model.setter
    def untrusted_model(self, model: Any) -> None:
        self._model = model

    def forward(self, user_query: str) -> dspy.Prediction:
        sent: list[str] = []
        before = _sent.set(sent)
        answer = None
        try:
            answer = super().forward(user_query=user_query)  # type: ignore[misc]
        except Exception as error:
            if isinstance(error, (AdapterParseError, LMError)) or behind(error) is not None:
                raise
        finally:
            _sent.reset(before)
        response = getattr(answer, "response", None)
        said = response if isinstance(response, str) else ""
        return dspy.Prediction(llm_request="\n\n".join(sent), response=said)


class _Heard:
    """An untrusted model whose requests the program under way is held to have sent."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, request: str) -> Any:
        sent = _sent.get()
        if sent is None:
            return self.model(request)
        sent.append(request)
        # Whoever stands in the model's place may hold another of these.
        within = _sent.set(None)
        try:
            return self.model(request)
        finally:
            _sent.reset(within)
