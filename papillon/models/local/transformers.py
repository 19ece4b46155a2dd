"""A model through transformers and peft in this process, as an engine: for a trained adapter that nothing else runs.

Needs the packages of the gpu extra. Runs on the GPU where there is one, else on the CPU. Requests that wait at
the same time are answered in one batch; what is drawn follows from the request and its seed.
"""

from __future__ import annotations

import asyncio
import json
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.errors import EndpointError, UsageError
from papillon.models.local.lora import missing_adapter, with_adapter
from papillon.profile import ModelSettings

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

    from papillon.models.local.batching import BatchingSampler, Draw
    from papillon.models.local.causal_model import CausalModel

__all__ = ["Transformers", "missing_transformers", "transformers_name"]

_DEFAULTS = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": -1,
    "repetition_penalty": 1.0,
    "max_tokens": 512,
    "seed": 0,
}
_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty")
#: Most sequences of one batch.
_BATCH = 16
#: The same on a GPU, where a token of many sequences takes no longer than one of few.
_BATCH_ON_GPU = 64


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


class Transformers:
    """The model of ``settings`` (a hub name, a folder, a .gguf file, ``embedded``) with its adapter, if it has one.

    ``sampling`` stands behind a request's own values; a temperature of 0 takes the likeliest token. A
    JSON schema is not enforced. Raises EndpointError for what cannot be asked, and lm15's ContextLengthError where
    prompt and ``max_tokens`` do not fit.
    """

    def __init__(self, settings: ModelSettings, sampling: dict[str, Any]) -> None:
        self.settings, self.sampling = settings, {**_DEFAULTS, **sampling}
        self._sampler: BatchingSampler | None = None
        self._starting = threading.Lock()

    async def load(self) -> None:
        """Load the model, once; the event loop goes on meanwhile."""
        await asyncio.to_thread(self._start)

    async def acomplete(self, request: Request) -> Response:
        """Answer one request; the event loop goes on meanwhile."""
        from dspy.lm15 import Message, Response, Usage

        if request.tools:
            raise EndpointError(f"Expected a request without tools, which {self.settings.model} is not asked to call.")
        sampler = await asyncio.to_thread(self._start)
        draw = self._draw(request, sampler.model)
        try:
            completion = await asyncio.wrap_future(sampler.ask(draw))
        except Exception as error:
            raise EndpointError(
                f"Model {self.settings.model} gave no answer: {type(error).__name__}: {error}"
            ) from error
        text, stopped = _until(completion.text, tuple(request.config.stop or ()))
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(text),
            finish_reason="stop" if completion.finished or stopped else "length",
            usage=Usage(input_tokens=len(draw.prompt), output_tokens=len(completion.tokens)),
        )

    async def aclose(self) -> None:
        """Let go of the model; a batch under way is refused."""
        if self._sampler is not None:
            gone = EndpointError(f"Model {self.settings.model} was let go of.")
            await asyncio.to_thread(self._sampler.close, gone)
        self._sampler = None

    def _start(self) -> BatchingSampler:
        with self._starting:
            if self._sampler is None:
                try:
                    model = _load(self.settings)
                except UsageError as error:
                    from papillon.models.failures import RefusesAll

                    raise RefusesAll(str(error)) from error
                from papillon.models.local.batching import BatchingSampler

                self._sampler = BatchingSampler(model, most=_BATCH if model.device == "cpu" else _BATCH_ON_GPU)
            return self._sampler

    def _draw(self, request: Request, model: CausalModel) -> Draw:
        from dspy.lm15 import ContextLengthError

        from papillon.models.local.batching import Draw
        from papillon.models.local.sampling import Sampling, uniforms
        from papillon.models.served.endpoint import chat_messages

        asked = {name: getattr(request.config, name, None) for name in _DEFAULTS}
        chosen = {**self.sampling, **{name: value for name, value in asked.items() if value is not None}}
        prompt = model.prompt(chat_messages(request))
        room = getattr(model.model.config, "max_position_embeddings", None)
        if room is not None and len(prompt) + chosen["max_tokens"] > room:
            raise ContextLengthError(
                f"Expected a prompt of at most {room - chosen['max_tokens']} tokens beside {chosen['max_tokens']} for "
                f"the answer, got {len(prompt)}; {self.settings.model} holds {room} in all."
            )
        values = {name: chosen[name] for name in _SAMPLING}
        if values["temperature"] == 0:
            values |= {"temperature": 1.0, "top_k": 1}
        return Draw(prompt, Sampling(**values), uniforms(chosen["max_tokens"], chosen["seed"], prompt))


def _until(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """``text`` up to the first of the stop strings, and whether one was there."""
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


def _load(settings: ModelSettings) -> CausalModel:
    import torch

    from papillon.models.local.batching import turn_on
    from papillon.models.local.causal_model import CausalModel, read_model

    device = "cuda" if torch.cuda.is_available() else "cpu"
    lora = None if settings.lora is None else _lora(settings.lora)
    model, tokenizer = read_model(settings.model.partition("/")[2], half=device != "cpu", setting="a profile's model")
    try:
        with turn_on(device):
            whole = CausalModel(model, tokenizer, lora, device=device)
    except ValueError as error:  # peft's, for an adapter that fits no layer
        reason = str(error).strip().split("\n")[0]
        raise UsageError(
            f"Expected an adapter of {settings.model}'s layers in {settings.lora}, got: {reason}"
        ) from error
    if settings.lora is not None:
        whole.load_adapter(settings.lora)
    return whole


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
