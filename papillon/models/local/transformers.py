"""A model through transformers and peft in this process, as an engine: for a trained adapter that nothing else runs.

Needs the packages of the gpu extra. Runs on the GPU where there is one, else on the CPU. Requests that wait at
the same time are answered in one batch; what is drawn follows from the request and its seed.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

from papillon.errors import EndpointError, UsageError
from papillon.models.local.batches import batches
from papillon.models.local.lora import missing_adapter, with_adapter
from papillon.profile import ModelSettings

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["Transformers", "missing_transformers", "transformers_name"]

_DEFAULTS = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": -1,
    "repetition_penalty": 1.0,
    "max_tokens": 512,
    "seed": 0,
}
#: What the sequences of one batch must agree in, beside their limit.
_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty")
#: Most sequences of one batch.
_BATCH = 16


def missing_transformers(settings: ModelSettings) -> str | None:
    """One sentence on what is missing to run this model here, None where nothing is."""
    absent = [package for package in ("torch", "transformers", "peft") if find_spec(package) is None]
    if absent:
        return (
            f"Model {settings.model} runs through transformers, and {', '.join(absent)} is not installed; run in an "
            'environment with the gpu extra: pip install -e ".[gpu]".'
        )
    return missing_adapter(settings)


def transformers_name(settings: ModelSettings) -> str:
    """What this engine serves, for a call's key: the model and its adapter's weights."""
    return with_adapter(f"transformers {settings.model.partition('/')[2]}", settings.lora)


@dataclass
class _Waiting:
    prompt: tuple[int, ...]
    limit: int
    chosen: dict[str, Any]
    stop: tuple[str, ...]
    answer: Future[tuple[str, str, int]]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What the sequences of one batch must agree in."""
        return (self.limit, *(self.chosen[name] for name in _SAMPLING))


class Transformers:
    """The model of ``settings`` (a hub name, a folder, a .gguf file, ``embedded``) with its adapter, if it has one.

    ``sampling`` stands behind a request's own values; a temperature of 0 takes the likeliest token. A
    JSON schema is not enforced. ``policy`` stands in for the loaded model. Raises EndpointError for what cannot be
    asked, and lm15's ContextLengthError where prompt and ``max_tokens`` do not fit.
    """

    def __init__(self, settings: ModelSettings, sampling: dict[str, Any], *, policy: Any = None) -> None:
        self.settings, self.sampling = settings, {**_DEFAULTS, **sampling}
        self._policy = policy
        self._queue: Queue[_Waiting | None] = Queue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    async def load(self) -> None:
        """Load the model, once; the event loop goes on meanwhile."""
        await asyncio.to_thread(self._start)

    async def acomplete(self, request: Request) -> Response:
        """Answer one request; the event loop goes on meanwhile."""
        from dspy.lm15 import Message, Response, Usage

        await self.load()
        waiting = self._waiting(request)
        self._queue.put(waiting)
        text, finish, written = await asyncio.wrap_future(waiting.answer)
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(text),
            finish_reason="length" if finish == "length" else "stop",
            usage=Usage(input_tokens=len(waiting.prompt), output_tokens=written),
        )

    async def aclose(self) -> None:
        """Let go of the model, once the batch under way has ended."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, 60)
        self._policy = self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._policy is None:
                try:
                    self._policy = _load(self.settings)
                except UsageError as error:
                    from papillon.models.failures import RefusesAll

                    raise RefusesAll(str(error)) from error
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="transformers", daemon=True)
                self._thread.start()

    def _waiting(self, request: Request) -> _Waiting:
        from dspy.lm15 import ContextLengthError

        from papillon.models.served.endpoint import chat_messages

        if request.tools:
            raise EndpointError(f"Expected a request without tools, which {self.settings.model} is not asked to call.")
        asked = {name: getattr(request.config, name, None) for name in _DEFAULTS}
        chosen = {**self.sampling, **{name: value for name, value in asked.items() if value is not None}}
        prompt = self._policy.prompt(chat_messages(request))
        room = getattr(self._policy.model.config, "max_position_embeddings", None)
        if room is not None and len(prompt) + chosen["max_tokens"] > room:
            raise ContextLengthError(
                f"Expected a prompt of at most {room - chosen['max_tokens']} tokens beside {chosen['max_tokens']} for "
                f"the answer, got {len(prompt)}; {self.settings.model} holds {room} in all."
            )
        return _Waiting(prompt, chosen["max_tokens"], chosen, tuple(request.config.stop or ()), Future())

    def _serve(self) -> None:
        for batch in batches(self._queue, _BATCH, lambda waiting: waiting.kind):
            self._answer(batch)

    def _answer(self, batch: list[_Waiting]) -> None:
        import torch

        from papillon.training.sampling import Sampling, uniforms

        values = {name: batch[0].chosen[name] for name in _SAMPLING}
        if values["temperature"] == 0:
            values |= {"temperature": 1.0, "top_k": 1}
        limit = batch[0].limit
        numbers = torch.stack([uniforms(limit, each.chosen["seed"], each.prompt) for each in batch])
        try:
            drawn = self._policy.sample([each.prompt for each in batch], numbers, Sampling(**values), limit)
        except Exception as error:
            for each in batch:
                failure = EndpointError(f"Model {self.settings.model} gave no answer: {type(error).__name__}: {error}")
                each.answer.set_exception(failure)
            return
        for each, completion in zip(batch, drawn, strict=True):
            text, stopped = _until(completion.text, each.stop)
            finish = "stop" if completion.finished or stopped else "length"
            each.answer.set_result((text, finish, len(completion.tokens)))


def _until(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """``text`` up to the first of the stop strings, and whether one was there."""
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


def _load(settings: ModelSettings) -> Any:
    import torch

    from papillon.training.policy import Policy
    from papillon.training.settings import TrainSettings

    device = "cuda" if torch.cuda.is_available() else "cpu"
    table: dict[str, Any] = {"model": settings.model.partition("/")[2], "gradient_checkpointing": False}
    if settings.lora is not None:
        table["lora_config"] = _lora(settings.lora)
    policy = Policy.load(TrainSettings.from_json(table), device)
    if settings.lora is not None:
        policy.load_adapter(settings.lora)
    return policy


def _lora(folder: Path) -> dict[str, Any]:
    """The shape of a saved adapter; raises UsageError where it cannot be read."""
    file = folder / "adapter_config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        return {
            "r": config["r"],
            "lora_alpha": config["lora_alpha"],
            "target_modules": sorted(config["target_modules"]),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"Expected an adapter of peft's in {file}, but it cannot be read: {error}.") from error
