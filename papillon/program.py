"""PAPILLON: a small trusted model consults a large untrusted one without telling it private things.

The module crafts a request that leaks little, sends it, and answers with the help of what came back.
Which models it runs on is set from outside; scoring is the judges' matter.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy

from papillon.errors import UsageError
from papillon.files import write_whole
from papillon.json_files import read_json
from papillon.profile import Profile
from papillon.reading import Unreadable, read

__all__ = [
    "PAPILLON",
    "CraftRedactedRequest",
    "RespondToQuery",
    "load_program",
    "make_program",
    "response_text",
    "save_program",
]

logger = logging.getLogger(__name__)

#: What the tutorial's program turns into an empty answer. DSPy's format errors (AdapterParseError) and
#: model errors (LMError) are none of these: they pass through, so that nothing mistakes them for an answer.
CAUGHT = (ValueError, TypeError, RuntimeError)


class CraftRedactedRequest(dspy.Signature):  # type: ignore[misc]
    """
    Given a private user query, create a privacy-preserving request for a powerful external LLM.
    The LLM may assist without learning private information about the user.
    """

    user_query = dspy.InputField()
    llm_request = dspy.OutputField()


class RespondToQuery(dspy.Signature):  # type: ignore[misc]
    """
    Respond to a user query.
    For inspiration, we found a potentially related request to a powerful external LLM and its response.
    """

    related_llm_request = dspy.InputField()
    related_llm_response = dspy.InputField(desc="information from a powerful LLM responding to a related request")
    user_query = dspy.InputField(desc="the user's request you need to fulfill")
    response = dspy.OutputField(desc="your final response to the user's request")


class PAPILLON(dspy.Module):  # type: ignore[misc]
    """Craft, consult, respond.

    ``untrusted_model`` is any callable from a request (str) to a response in one of the shapes
    that :func:`response_text` reads; a ``dspy.LM`` is one. It receives ``llm_request`` and nothing
    else. Calling the program with ``user_query`` gives a prediction with ``llm_request``,
    ``llm_response`` and ``response``, all str; a ValueError, TypeError or RuntimeError on the way
    gives empty ones (the request stays, where there is one) and a line in the log.
    """

    def __init__(self, untrusted_model: Callable[[str], Any]) -> None:
        super().__init__()
        self.craft_redacted_request = dspy.ChainOfThought(CraftRedactedRequest)
        self.respond_to_query = dspy.Predict(RespondToQuery)
        self.untrusted_model = untrusted_model

    def forward(self, user_query: str) -> dspy.Prediction:
        llm_request = ""
        try:
            crafted = self.craft_redacted_request(user_query=user_query)
            llm_request = _crafted_request(crafted)
            llm_response = response_text(self.untrusted_model(llm_request))
            answer = self.respond_to_query(
                related_llm_request=llm_request, related_llm_response=llm_response, user_query=user_query
            )
            response = answer.response or ""
        except CAUGHT:
            return _empty(llm_request)
        return dspy.Prediction(llm_request=llm_request, llm_response=llm_response, response=response)

    async def aforward(self, user_query: str) -> dspy.Prediction:
        llm_request = ""
        try:
            crafted = await self.craft_redacted_request.acall(user_query=user_query)
            llm_request = _crafted_request(crafted)
            llm_response = response_text(await _consult(self.untrusted_model, llm_request))
            answer = await self.respond_to_query.acall(
                related_llm_request=llm_request, related_llm_response=llm_response, user_query=user_query
            )
            response = answer.response or ""
        except CAUGHT:
            return _empty(llm_request)
        return dspy.Prediction(llm_request=llm_request, llm_response=llm_response, response=response)


def _crafted_request(crafted: dspy.Prediction) -> str:
    request = crafted.llm_request or ""
    if not request:
        raise ValueError("CraftRedactedRequest produced an empty llm_request")
    return str(request)


def _empty(llm_request: str) -> dspy.Prediction:
    logger.exception("PAPILLON forward failed")
    return dspy.Prediction(llm_request=llm_request, llm_response="", response="")


async def _consult(model: Callable[[str], Any], request: str) -> Any:
    """Ask a model that may have an async way in, be a coroutine function, or block."""
    if (acall := getattr(model, "acall", None)) is not None:
        return await acall(request)
    if inspect.iscoroutinefunction(model) or inspect.iscoroutinefunction(getattr(model, "__call__", None)):  # noqa: B004
        return await model(request)
    answer = await asyncio.to_thread(model, request)
    return await answer if inspect.isawaitable(answer) else answer


def response_text(raw: Any) -> str:
    """The text of an untrusted model's response, in any of the shapes that models give.

    A str; a list or tuple, of which the first counts; a mapping with one of ``response``,
    ``content``, ``text`` or ``choices``; a choice, as an OpenAI-style reply has it, with its
    ``message`` or ``text``. Raises TypeError for another shape and ValueError for an empty one.
    """
    text = _unwrap(raw)
    if not text:
        raise ValueError("untrusted_model produced an empty response string")
    return text


def _unwrap(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, (list, tuple)):
        if not raw:
            raise ValueError("untrusted_model returned an empty sequence")
        return _unwrap(raw[0])
    if isinstance(raw, Mapping):
        if not raw:
            raise ValueError("untrusted_model returned an empty mapping")
        for name in ("response", "content", "text", "message"):
            if raw.get(name):
                return _unwrap(raw[name])
        if "choices" in raw:
            choices = raw["choices"]
            if isinstance(choices, (list, tuple)) and choices:
                return _unwrap(choices[0])
        raise ValueError(
            "untrusted_model response mapping lacks usable content: expected response, content, text or choices, "
            f"got {', '.join(map(str, raw)) or 'nothing'}"
        )
    raise TypeError(f"untrusted_model returned unsupported type: {type(raw).__name__}")


def save_program(program: dspy.Module, path: Path) -> None:
    """Write the program's prompts and demonstrations as JSON in DSPy's own shape, without its models.

    Raises UsageError where the file cannot be written; what was there is then there still.
    """
    state: dict[str, Any] = {}
    for name, predictor in program.named_predictors():
        # The profile supplies the models: an engine of this project cannot be saved, and a key never is.
        model, predictor.lm = predictor.lm, None
        try:
            state[name] = predictor.dump_state()
        finally:
            predictor.lm = model
    state["metadata"] = {"dependency_versions": {"dspy": dspy.__version__}}
    write_whole(path, json.dumps(state, indent=2, ensure_ascii=False) + "\n")


def make_program(profile: Profile, untrusted_model: Callable[[str], Any]) -> dspy.Module:
    """The profile's program over an untrusted model: PAPILLON or a class of the user's own, with what was saved of it.

    Raises UsageError where the class cannot be made or the file does not fit it.
    """
    own = profile.program_class
    program = PAPILLON(untrusted_model=untrusted_model) if own is None else own.made(untrusted_model)
    return load_program(program, profile.program)


#: What DSPy saves of a predictor.
_SAVED = ("traces", "train", "demos", "signature", "fields")


def load_program(program: dspy.Module, path: Path | None) -> dspy.Module:
    """Set the program's prompts and demonstrations from a file; its models stay as they are.

    None, a profile's way to say that it names no file, changes nothing.
    """
    if path is None:
        return program
    try:
        state = read_json(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"Expected a saved DSPy program in {path}, but it cannot be read: {why}.") from error
    names = [name for name, _ in program.named_predictors()]
    if not names:
        raise UsageError(f"Expected a program with predictors for {path} to set, got one without; leave the file out.")
    found = state if isinstance(state, dict) else {}
    if any(not isinstance(found.get(name), dict) for name in names):
        raise UsageError(
            f"Expected a saved program with the predictors {', '.join(names)} in {path}, "
            f"got {', '.join(map(str, found)) or 'none'}; save one with papillon optimize or papillon.save_program."
        )
    for name, predictor in program.named_predictors():
        model = predictor.lm
        try:
            saved = read(_Saved, state[name])
            # DSPy would set whatever else stands there, methods among it.
            predictor.load_state({key: state[name][key] for key in _SAVED if key in state[name]} | {"lm": None})
            for demo in saved.demos:
                json.dumps(demo, ensure_ascii=False).encode()
        except Unreadable as wrong:
            why = str(wrong)
        except Exception as wrong:  # whatever DSPy stumbles over in what it did not write
            why = f"DSPy cannot read it ({type(wrong).__name__})"
        else:
            predictor.lm = model
            continue
        raise UsageError(
            f"Expected what DSPy saves of {name} in {path}, but {why}; save it anew with papillon optimize or "
            "papillon.save_program."
        )
    return program


@dataclass(frozen=True)
class _Field:
    """What is saved of a field of a prompt."""

    prefix: str
    description: str


@dataclass(frozen=True)
class _Signature:
    """What is saved of a prompt."""

    instructions: str
    fields: tuple[_Field, ...]


@dataclass(frozen=True)
class _Saved:
    """What is saved of a predictor, as far as prompts are made of it."""

    signature: _Signature
    demos: tuple[Mapping[str, Any], ...]
