"""Copies: one model loaded in llama.cpp as often as it is asked at a time, each copy with one slot and one thread.

Copies share the file's pages and the openings that were read. One copy with several slots would answer by what else is
in its batch, and one with several threads by their number; beside other busy processes such threads also wait for each
other until a token takes half a second. How many calls each model is asked at a time is its share of the processors
(roles).
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from papillon.errors import EndpointError
from papillon.models.failures import RefusesAll
from papillon.models.local import memory
from papillon.models.local.memory import megabytes
from papillon.models.local.openings import Openings
from papillon.models.local.weights import missing_package

__all__ = ["FIRST_ROOM", "Copies", "Weights", "copies_of", "let_go", "processors", "prompt_tokens"]

#: The tokens that a copy has room for at first, since few prompts need more; answers are the same.
FIRST_ROOM = 2048
#: By how much a copy grows when a call needs more room.
GROWTH = 4
#: Tokens that are read at once.
_BATCH = 128
#: Seconds within which llama.cpp keeps or takes up a state.
_STATE_TIMEOUT = 60
#: What llama.cpp takes for a copy beside its cache and the scores of a batch's tokens, in bytes.
_FRAME = 48_000_000


@dataclass(frozen=True)
class Weights:
    """A model's file as it is loaded; ``key`` is the same for files of the same content.

    ``context`` is the most tokens that prompt and answer may have together; a token takes ``per_token`` bytes of a
    copy's cache. Where they are ``rearranged``, each copy may hold weights of its own, in an order that is read faster.
    ``told`` is what is said where llama.cpp cannot load the file, which gives no reason.
    """

    file: Path
    key: str
    context: int
    per_token: int
    vocabulary: int
    told: str = ""
    rearranged: bool = False

    def copy_size(self, room: int) -> int:
        """About how many bytes a copy takes beside the file's pages."""
        return room * self.per_token + 4 * _BATCH * self.vocabulary + _FRAME


@dataclass
class _Copy:
    server: Any
    room: int
    secret: str
    asked: bool = False

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked = True
        reply: dict[str, Any] = self.server.handle_chat_completions(body)
        return reply

    def keep(self, name: str) -> bool:
        return self._state("save", name)

    def resume(self, name: str) -> bool:
        return self._state("restore", name)

    def _state(self, action: str, name: str) -> bool:
        # In process there is no other way to it than the port that this server has opened. Where that gives no answer,
        # the call fails, and the file is left to it: it may still be written.
        address = urlsplit(self.server.listening_address)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=_STATE_TIMEOUT)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        try:
            connection.request("POST", f"/slots/0?action={action}", json.dumps({"filename": name}), headers)
            return connection.getresponse().status == HTTPStatus.OK
        finally:
            connection.close()


class Copies:
    """Up to ``size`` copies of one model with one adapter; ``name`` is how messages call it.

    A copy is loaded when a call finds none idle, with room for FIRST_ROOM tokens, and anew with more when a call needs
    it. Where there is no memory for one more copy, calls wait for those that are there.
    """

    def __init__(self, name: str, weights: Weights, lora: Path | None, *, size: int) -> None:
        self.name, self.weights, self.lora, self.size = name, weights, lora, size
        self.threads = ThreadPoolExecutor(size, thread_name_prefix="llama.cpp")
        self.openings = Openings()
        self.loaded = self.closed = False
        self._idle: list[_Copy] = []
        self._made = 0
        self._free = threading.Condition()
        self._first = threading.Lock()

    @property
    def rooms(self) -> list[int]:
        """The tokens that each idle copy has room for."""
        return [copy.room for copy in self._idle]

    def load(self) -> None:
        """Have a first copy at hand, and no second one where several calls want it at once."""
        with self._first:
            if not self.loaded:
                self._put(self._take())

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """One answer, or llama.cpp's own error as it words it; waits where all copies are busy."""
        copy: _Copy | None = self._take()
        try:
            assert copy is not None
            while True:
                # Without an opening nothing that the copy read last takes part.
                reply = copy.ask({**body, "cache_prompt": self.openings.begin(copy, body)})
                room, needed = copy.room, prompt_tokens(reply) + body["max_tokens"]
                if "grammar" in body:
                    # llama.cpp has read the vocabulary for it, where another copy's was the last.
                    memory.give_back()
                if not room < needed <= self.weights.context:
                    return reply
                while room < needed:
                    room = min(GROWTH * room, self.weights.context)
                # The small copy is let go of first: two large ones and a small one are not held at once.
                copy = None
                copy = self._load(room)
        except EndpointError:
            raise
        except Exception as error:
            raise EndpointError(f"{self.name} gave no answer: {_one_line(error)}.") from error
        finally:
            self._put(copy)

    def close(self) -> None:
        """Let go of all copies; those that are asked at the moment go when they have answered."""
        self.closed = True
        self.threads.shutdown(wait=False)
        with self._free:
            for copy in self._idle:
                if not copy.asked:
                    # llama.cpp waits for ever for one that is let go of before its loop has begun.
                    copy.ask({"messages": [{"role": "user", "content": "."}], "max_tokens": 1})
            self._made -= len(self._idle)
            self._idle.clear()
        self.openings.close()

    def _take(self) -> _Copy:
        """An idle copy, or a new one."""
        room = min(FIRST_ROOM, self.weights.context)
        with self._free:
            while not self._idle:
                if self._made < self.size and (not self._made or self._lacking(room) is None):
                    self._made += 1
                    break
                self._free.wait()
            else:
                return self._idle.pop()
        try:
            return self._load(room)
        except BaseException:
            self._put(None)
            raise

    def _put(self, copy: _Copy | None) -> None:
        """Give back a copy, or the place of one that is lost."""
        with self._free:
            # One that nobody asked yet cannot be let go of (close).
            if copy is not None and not (self.closed and copy.asked):
                self._idle.append(copy)
            else:
                self._made -= 1
            self._free.notify()

    def _lacking(self, room: int) -> str | None:
        """What is said where memory does not suffice for a copy beside all that is loaded, None where it does."""
        if (free := memory.available()) is None:
            return None
        files = {self.weights.key: self.weights.file, **_loaded_files()}
        # One that was loaded and removed since still stands in memory, but nobody knows its size any more.
        needed = sum(file.stat().st_size for file in files.values() if file.exists()) + self.weights.copy_size(room)
        if needed <= free:
            return None
        others = f" beside {len(files) - 1} other model{'s' * (len(files) > 2)}" if len(files) > 1 else ""
        return (
            f"Expected {megabytes(needed)} of memory for {self.name} with room for {room:,} tokens{others}, got "
            f"{megabytes(free)}; close other programs, raise the container's limit, or take a smaller model."
        )

    def _load(self, room: int) -> _Copy:
        with _loading:
            if (lacking := self._lacking(room)) is not None:
                raise RefusesAll(lacking) if not self.loaded else EndpointError(lacking)
            try:
                import xllamacpp
            except ImportError as error:
                raise missing_package("xllamacpp", "runs") from error
            params = xllamacpp.CommonParams()
            params.model.path = str(self.weights.file)
            if self.lora is not None:
                params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(self.lora), 1.0)]
            params.n_ctx = room
            params.n_parallel = 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
            params.n_batch, params.n_ubatch = 512, _BATCH
            params.cache_prompt, params.cache_ram_mib = True, 0
            # A sliding window would drop tokens of an opening that a call goes on from.
            params.swa_full = True
            params.endpoint_slots, params.slot_save_path = True, self.openings.files.folder
            params.no_extra_bufts = not self.weights.rearranged
            params.warmup = False
            # Fitting what is said here to the memory that is free would read the vocabulary once more.
            params.fit_params = False
            params.verbosity = -1
            # llama.cpp opens its own port on the loopback beside us; a key that nobody knows keeps it shut.
            secret = secrets.token_hex(32)
            params.n_threads_http, params.api_keys = 1, [secret]
            try:
                server = xllamacpp.Server(params)
            except Exception as error:
                said = self.weights.told or _one_line(error)
                raise RefusesAll(f"llama.cpp cannot load {self.weights.file}: {said}.") from error
            self.loaded = True
            memory.give_back()
            return _Copy(server, room, secret)


#: What is loaded in this process, by weights, adapter and context: engines that say the same share it.
_pools: dict[tuple[str, Path | None, int], Copies] = {}
_pools_lock = threading.Lock()
#: One copy at a time is loaded, so that the next one finds the memory that is left.
_loading = threading.RLock()


def copies_of(name: str, weights: Weights, lora: Path | None) -> Copies:
    """The copies of these weights with this adapter, which every engine of the same shares."""
    key = (weights.key, lora, weights.context)
    with _pools_lock:
        if key not in _pools:
            _pools[key] = Copies(name, weights, lora, size=processors())
        return _pools[key]


def let_go(copies: Copies) -> None:
    """Let go of a loaded model, also for engines that share it; a later call loads it again."""
    with _pools_lock:
        for key in [key for key, each in _pools.items() if each is copies]:
            del _pools[key]
    copies.close()


def _loaded_files() -> dict[str, Path]:
    with _pools_lock:
        return {each.weights.key: each.weights.file for each in _pools.values() if each.loaded}


def prompt_tokens(reply: Mapping[str, Any]) -> int:
    """How many tokens the prompt has, also where llama.cpp refused it for its length."""
    refused, usage = reply.get("error") or {}, reply.get("usage") or {}
    return int(refused.get("n_prompt_tokens") or usage.get("prompt_tokens") or 0)


def processors() -> int:
    """How many calls can run side by side: one for each processor that this process may use, four at most. Of
    SmolLM2-135M a copy takes 70 MB beside the weights that all share, and 210 MB once a long prompt has come.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, usable)


def _one_line(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".")
