"""Embedded: SmolLM2-135M-Instruct through llama.cpp in this process, as an engine that answers one request.

Its answers follow from the request, the sampling values and the seed alone, on one machine: one slot to each
copy of the model, one thread to each slot, nothing kept from one call to the next. Recording, limits and
asking again are others' work.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papillon.errors import EndpointError
from papillon.models.local.schema import grammar
from papillon.models.local.weights import missing_package, prepared, weights_file

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response

__all__ = ["CONTEXT", "DEFAULTS", "Embedded", "copies"]

#: The tokens that the model was trained for; a prompt and its answer share them.
CONTEXT = 8192
#: The tokens that a copy has room for at first. All of CONTEXT would take 140 MB more, which few prompts need, and
#: answers are the same.
FIRST_ROOM = 2048
#: Sampling values where neither the request nor the engine sets one.
DEFAULTS: Mapping[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.9,
    "top_k": 40,
    # At 1.1 the model copies the placeholders of DSPy's prompt ("{response}") into 7 of 12 texts, at 1.0 into none.
    "repetition_penalty": 1.0,
    "max_tokens": 192,
    "seed": 0,
}
#: Counts up whenever this module asks llama.cpp in another way for the same request.
_REVISION = 2


class Embedded:
    """The embedded model with the given sampling values; those of a request stand before them.

    ``weights`` is a .gguf file, by default SmolLM2's; ``lora`` a .gguf adapter or a folder that holds
    one; ``context`` counts tokens. ``sampling`` holds any of DEFAULTS' keys. Nothing is loaded before the
    first call, and engines with the same weights, adapter and context share what is loaded. Up to
    ``parallel`` calls run side by side; more wait. Raises EndpointError where the packages, the weights or
    the adapter are missing, where llama.cpp fails, and for what it cannot be asked (tools, media);
    lm15's ContextLengthError where prompt and ``max_tokens`` do not fit into the context.
    """

    supports_response_schema = True
    supported_params = frozenset({"temperature", "max_tokens", "top_p", "top_k", "stop", "seed", "response_format"})

    def __init__(
        self,
        *,
        weights: Path | None = None,
        lora: Path | None = None,
        sampling: Mapping[str, Any] | None = None,
        context: int = CONTEXT,
    ) -> None:
        self.weights = weights or weights_file()
        self.lora = _adapter_file(lora) if lora is not None else None
        self.sampling = {**DEFAULTS, **{name: value for name, value in (sampling or {}).items() if value is not None}}
        self.context = context
        self.parallel = copies()
        self.fingerprint = self._fingerprint()

    def complete(self, request: Request) -> Response:
        """Answer in the calling thread."""
        body = self._body(request)
        return self._response(self._pool().ask(body), request, body["max_tokens"])

    async def acomplete(self, request: Request) -> Response:
        """Answer in a thread of the model's own, so that the event loop goes on."""
        body = self._body(request)
        pool = self._pool()
        reply = await asyncio.get_running_loop().run_in_executor(pool.threads, pool.ask, body)
        return self._response(reply, request, body["max_tokens"])

    async def load(self) -> None:
        """Load a first copy of the model, where none is."""
        pool = self._pool()
        if not pool.loaded:
            await asyncio.get_running_loop().run_in_executor(pool.threads, pool.load)

    def close(self) -> None:
        """Let go of the loaded model, also for engines that share it; a later call loads it again."""
        with _pools_lock:
            pool = _pools.pop(self._key, None)
        if pool is not None:
            pool.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Embedded:
        # DSPy copies modules with their LMs; the model is not copied with them.
        return self

    @property
    def _key(self) -> tuple[Path, Path | None, int]:
        return self.weights, self.lora, self.context

    def _pool(self) -> _Pool:
        with _pools_lock:
            if self._key not in _pools:
                _pools[self._key] = _Pool(*self._key, size=self.parallel)
            return _pools[self._key]

    def _fingerprint(self) -> str:
        """What answers follow from beside the request and its sampling: weights, adapter, library, this module.

        The weights count by their size and three megabytes of them, from the start (where their layout and
        vocabulary stand), the middle and the end: all 98 would cost each start a third of a second.
        """
        said = f"{_REVISION} {self.context} {sorted(DEFAULTS.items())} {_version('xllamacpp')}"
        seen = hashlib.sha256(said.encode())
        try:
            with self.weights.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                seen.update(size.to_bytes(8))
                for start in (0, size // 2, max(0, size - 2**20)):
                    file.seek(start)
                    seen.update(file.read(2**20))
        except OSError as error:
            raise EndpointError(
                f"Expected the weights of a model in {self.weights}, but they cannot be read: {error.strerror}."
            ) from error
        if self.lora is not None:
            seen.update(hashlib.sha256(self.lora.read_bytes()).digest())
        return seen.hexdigest()

    def _body(self, request: Request) -> dict[str, Any]:
        """The call in llama.cpp's terms, with every value that changes the answer said outright."""
        from papillon.models.served.endpoint import chat_messages

        config = request.config
        if request.tools:
            raise EndpointError(
                "Expected a request without tools, which the embedded model cannot call; leave them out."
            )
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
            # What an earlier call left behind would be summed in another order, and round otherwise.
            "cache_prompt": False,
        }
        if config.stop:
            body["stop"] = list(config.stop)
        if config.response_format is not None:
            schema = config.response_format.get("schema") or {"type": "object"}
            body["grammar"] = grammar(schema, chosen["max_tokens"])
        return body

    def _response(self, reply: Mapping[str, Any], request: Request, max_tokens: int) -> Response:
        from dspy.lm15 import ContextLengthError, Message, Response, Usage

        error, usage, given = reply.get("error"), reply.get("usage", {}), _prompt_tokens(reply)
        if given + max_tokens > self.context:
            raise ContextLengthError(
                f"Expected a prompt of at most {self.context - max_tokens} tokens beside {max_tokens} for the answer, "
                f"got {given}; the embedded model holds {self.context} in all."
            )
        if error:
            raise EndpointError(f"The embedded model gave no answer: {_one_line(error.get('message', error))}.")
        choice = reply["choices"][0]
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(choice["message"].get("content") or ""),
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            usage=Usage(input_tokens=given, output_tokens=usage.get("completion_tokens")),
        )


class _Pool:
    """Up to ``size`` copies of one model, each with one slot and one thread, loaded when first wanted.

    Copies share the file's pages; each is loaded anew with all of the context when a call first needs it. One
    copy with several slots would answer by what else is in its batch, and one with several threads by their
    number; beside other busy processes such threads also wait for each other until a token takes half a second.
    """

    def __init__(self, weights: Path, lora: Path | None, context: int, *, size: int) -> None:
        self.weights, self.lora, self.context = weights, lora, context
        self.threads = ThreadPoolExecutor(size, thread_name_prefix="embedded-model")
        self._turns = threading.BoundedSemaphore(size)
        self._loading = threading.Lock()
        self._idle: list[tuple[Any, int]] = []
        self.loaded = False

    def load(self) -> None:
        """Have a first copy at hand."""
        with self._turns:
            if not self.loaded:
                room = min(FIRST_ROOM, self.context)
                self._idle.append((self._load(room), room))

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """One answer, or llama.cpp's own error as it words it; waits where all copies are busy."""
        with self._turns:
            # Lists append and pop whole, so the copies need no lock.
            server, room = self._idle.pop() if self._idle else (None, min(FIRST_ROOM, self.context))
            try:
                server = server or self._load(room)
                reply: dict[str, Any] = server.handle_chat_completions(body)
                if room < self.context and _prompt_tokens(reply) + body["max_tokens"] > room:
                    # The small copy is let go of first: two large ones and a small one are not held at once.
                    server, room = None, self.context
                    server = self._load(room)
                    reply = server.handle_chat_completions(body)
            except EndpointError:
                raise
            except Exception as error:
                raise EndpointError(f"The embedded model gave no answer: {_one_line(error)}.") from error
            finally:
                if server is not None:
                    self._idle.append((server, room))
            return reply

    def close(self) -> None:
        self.threads.shutdown(wait=False)
        self._idle.clear()

    def _load(self, room: int) -> Any:
        with self._loading:
            try:
                import xllamacpp
            except ImportError as error:
                raise missing_package("xllamacpp", "runs") from error
            params = xllamacpp.CommonParams()
            shipped = self.weights == weights_file()
            params.model.path = str(prepared(self.weights) if shipped else self.weights)
            if self.lora is not None:
                params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(self.lora), 1.0)]
            params.n_ctx = room
            params.n_parallel = 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
            params.n_batch, params.n_ubatch = 512, 128
            params.cache_prompt, params.cache_ram_mib = False, 0
            params.warmup = False
            params.verbosity = -1
            # llama.cpp opens its own port on the loopback beside us; a key that nobody knows keeps it shut.
            params.n_threads_http, params.api_keys = 1, [secrets.token_hex(32)]
            try:
                server = xllamacpp.Server(params)
            except Exception as error:
                raise EndpointError(f"llama.cpp cannot load {self.weights}: {_one_line(error)}.") from error
            self.loaded = True
            return server


_pools: dict[tuple[Path, Path | None, int], _Pool] = {}
_pools_lock = threading.Lock()


def _prompt_tokens(reply: Mapping[str, Any]) -> int:
    """How many tokens the prompt has, also where llama.cpp refused it for its length."""
    refused, usage = reply.get("error") or {}, reply.get("usage") or {}
    return int(refused.get("n_prompt_tokens") or usage.get("prompt_tokens") or 0)


def copies() -> int:
    """How many calls can run side by side: one for each processor that this process may use, four at most.

    A copy takes 70 MB beside the weights that all share, and 210 MB once a long prompt has come.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, usable)


def _adapter_file(lora: Path) -> Path:
    files = sorted(lora.glob("*.gguf")) if lora.is_dir() else [lora]
    if len(files) != 1 or not files[0].is_file():
        raise EndpointError(
            f"Expected a .gguf adapter for the embedded model, or a folder that holds one, at {lora}, "
            f"got {len(files) if lora.exists() else 'nothing'}; convert the trained adapter to .gguf first."
        )
    return files[0]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise missing_package(package, "runs") from error


def _one_line(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".")
