"""Small real stand-ins: a scripted language model, and the settings of a model on a loopback server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dspy
from dspy.lm15 import Message, Request, Response, Usage

__all__ = ["ScriptedEngine", "scripted_lm"]


class ScriptedEngine:
    """Answers each request with what ``script`` makes of its last message's text."""

    supports_response_schema = True
    supported_params = frozenset({"response_format"})

    def __init__(self, script: Callable[[str], str]) -> None:
        self.script = script
        self.prompts: list[str] = []

    def complete(self, request: Request) -> Response:
        prompt = request.messages[-1].text or ""
        self.prompts.append(prompt)
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(self.script(prompt)),
            finish_reason="stop",
            usage=Usage(input_tokens=len(prompt) // 4, output_tokens=1),
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptedEngine:
        return self


class _Awaited:
    supports_response_schema = True
    supported_params = ScriptedEngine.supported_params

    def __init__(self, engine: ScriptedEngine) -> None:
        self.engine = engine

    async def complete(self, request: Request) -> Response:
        return self.engine.complete(request)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Awaited:
        return self


def scripted_lm(script: Callable[[str], str] | dict[str, Any]) -> dspy.LM:
    """A dspy.LM that follows a script; a dictionary is answered as JSON to every prompt."""
    say = (lambda prompt: json.dumps(script)) if isinstance(script, dict) else script
    engine = ScriptedEngine(say)
    return dspy.LM("scripted/model", engine=engine, async_engine=_Awaited(engine), cache=False, num_retries=0)
