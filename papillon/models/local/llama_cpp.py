"""A model through llama.cpp in this process, as an engine that answers one request.

Its answers follow from the request, the sampling values and the seed alone, on one machine: a call begins where the
opening of its prompt has been read, whatever was asked before. How a model is loaded is the copies' matter, which file
it has that of the engines named after it; recording, limits and asking again are others' work.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.errors import EndpointError
from papillon.models.local.copies import Copies, Weights, copies_of, let_go, processors, prompt_tokens
from papillon.models.local.schema import grammar
from papillon.models.local.weights import missing_package

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["DEFAULTS", "LlamaCpp", "adapter_file", "fingerprint"]

#: Sampling values where neither the request nor the engine sets one.
DEFAULTS: Mapping[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.9,
    "top_k": 40,
    # At 1.1 SmolLM2 copies the placeholders of DSPy's prompt ("{response}") into 7 of 12 texts, at 1.0 into none.
    "repetition_penalty": 1.0,
    "max_tokens": 192,
    "seed": 0,
}
#: Counts up whenever llama.cpp is asked in another way for the same request.
_REVISION = 3


class LlamaCpp(ABC):
    """A model in llama.cpp; ``name`` is how messages call it, ``weights`` says which file it has.

    ``lora`` is a .gguf adapter or a folder that holds one; ``sampling`` holds any of DEFAULTS' keys, and a request's
    own values stand before them. Nothing is loaded before the first call, and engines with the same weights and adapter
    share what is loaded. Up to ``parallel`` calls run side by side; more wait. Raises EndpointError where a
    package, the weights or the adapter are missing, where llama.cpp fails, and for what it cannot be asked (tools,
    media); lm15's ContextLengthError where prompt and ``max_tokens`` do not fit into the context.
    """

    supports_response_schema = True
    supported_params = frozenset({"temperature", "max_tokens", "top_p", "top_k", "stop", "seed", "response_format"})

    def __init__(self, name: str, *, lora: Path | None = None, sampling: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.lora = adapter_file(lora, name) if lora is not None else None
        self.sampling = {**DEFAULTS, **{name: value for name, value in (sampling or {}).items() if value is not None}}
        self.parallel = processors()
        self._copies: Copies | None = None
        self._finding = threading.Lock()

    @abstractmethod
    def weights(self) -> Weights:
        """The file to load, found or made first where it has to be, in the calling thread."""

    def complete(self, request: Request) -> Response:
        """Answer in the calling thread."""
        body = self._body(request)
        copies = self.copies()
        return self._response(copies.ask(body), request, body["max_tokens"], copies.weights.context)

    async def acomplete(self, request: Request) -> Response:
        """Answer in a thread of the model's own, so that the event loop goes on."""
        body = self._body(request)
        copies = await self._found()
        reply = await asyncio.get_running_loop().run_in_executor(copies.threads, copies.ask, body)
        return self._response(reply, request, body["max_tokens"], copies.weights.context)

    async def load(self) -> None:
        """Load a first copy of the model, where none is."""
        copies = await self._found()
        if not copies.loaded:
            await asyncio.get_running_loop().run_in_executor(copies.threads, copies.load)

    def copies(self) -> Copies:
        """The copies of the model that answer; its file is found first."""
        with self._finding:
            if self._copies is None or self._copies.closed:
                self._copies = copies_of(f"{self.name[0].upper()}{self.name[1:]}", self.weights(), self.lora)
            return self._copies

    async def _found(self) -> Copies:
        copies = self._copies
        return copies if copies is not None and not copies.closed else await asyncio.to_thread(self.copies)

    def close(self) -> None:
        """Let go of the loaded model, also for engines that share it; a later call loads it again."""
        with self._finding:
            copies, self._copies = self._copies, None
        if copies is not None:
            let_go(copies)

    def __deepcopy__(self, memo: dict[int, Any]) -> LlamaCpp:
        # DSPy copies modules with their LMs; the model is not copied with them.
        return self

    def _body(self, request: Request) -> dict[str, Any]:
        """The call in llama.cpp's terms, with every value that changes the answer said outright."""
        from papillon.models.served.endpoint import chat_messages

        config = request.config
        if request.tools:
            raise EndpointError(f"Expected a request without tools, which {self.name} cannot call; leave them out.")
        asked = {name: getattr(config, name, None) for name in DEFAULTS}
        chosen = {**self.sampling, **{name: value for name, value in asked.items() if value is not None}}
        body: dict[str, Any] = {
            "messages": chat_messages(request),
            "max_tokens": chosen["max_tokens"],
            "temperature": chosen["temperature"],
            "top_p": chosen["top_p"],
            "top_k": max(0, chosen["top_k"]),
            "min_p": 0.0,
            "repeat_penalty": chosen["repetition_penalty"],
            "repeat_last_n": 64,
            # The highest 32-bit number asks llama.cpp for a seed of its own choice.
            "seed": chosen["seed"] % (2**32 - 1),
        }
        if config.stop:
            body["stop"] = list(config.stop)
        if config.response_format is not None:
            schema = config.response_format.get("schema") or {"type": "object"}
            body["grammar"] = grammar(schema, chosen["max_tokens"])
        return body

    def _response(self, reply: Mapping[str, Any], request: Request, max_tokens: int, context: int) -> Response:
        from dspy.lm15 import ContextLengthError, Message, Response, Usage

        error, usage, given = reply.get("error"), reply.get("usage", {}), prompt_tokens(reply)
        if given + max_tokens > context:
            raise ContextLengthError(
                f"Expected a prompt of at most {context - max_tokens} tokens beside {max_tokens} for the answer, "
                f"got {given}; {self.name} holds {context} in all."
            )
        if error:
            said = " ".join(str(error.get("message", error)).split()).rstrip(".")
            raise EndpointError(f"{self.name[0].upper()}{self.name[1:]} gave no answer: {said}.")
        choice = reply["choices"][0]
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(choice["message"].get("content") or ""),
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            usage=Usage(
                input_tokens=given,
                output_tokens=usage.get("completion_tokens"),
                cache_read_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            ),
        )


def fingerprint(context: int, weights: bytes, lora: Path | None) -> str:
    """What answers follow from beside the request and its sampling: weights, adapter, library, this module.

    ``context`` is the most tokens, ``weights`` what tells them apart, ``lora`` an adapter's file.
    """
    try:
        version = metadata.version("xllamacpp")
    except metadata.PackageNotFoundError as error:
        raise missing_package("xllamacpp", "runs") from error
    seen = hashlib.sha256(f"{_REVISION} {context} {sorted(DEFAULTS.items())} {version}".encode())
    seen.update(weights)
    if lora is not None:
        seen.update(hashlib.sha256(lora.read_bytes()).digest())
    return seen.hexdigest()


def adapter_file(lora: Path, name: str) -> Path:
    """The .gguf adapter at ``lora``, a file or a folder that holds one; raises EndpointError where there is none."""
    files = sorted(lora.glob("*.gguf")) if lora.is_dir() else [lora]
    if len(files) != 1 or not files[0].is_file():
        raise EndpointError(
            f"Expected a .gguf adapter for {name}, or a folder that holds one, at {lora}, "
            f"got {len(files) if lora.exists() else 'nothing'}; convert the trained adapter to .gguf first."
        )
    return files[0]
