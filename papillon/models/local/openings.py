"""Openings: a prompt up to its last message, read once for all calls that begin with it.

The system message that DSPy writes for a module, and the examples of an optimised program, are most of a short prompt.
A copy reads them once; the state that it is in then is kept, and every later call, of any copy, starts from it. A call
that finds no state kept reads the opening in the same batches. So an answer follows from the request alone, whatever
ran before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["MOST_KEPT", "Openings", "Reader"]

#: The bytes of states that are kept for one model; those that were not asked for longest go first.
MOST_KEPT = 128_000_000
#: How many there are at most.
MOST_FILES = 64


class Reader(Protocol):
    """A copy of the model, which is in one state at a time."""

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Its reply, after which its state is that of the prompt."""

    def keep(self, name: str) -> bool:
        """Write its state to the file ``name``; False where that failed."""

    def resume(self, name: str) -> bool:
        """Take up the state in the file ``name``; False where that failed."""


@dataclass
class _State:
    """An opening's state: the ``name`` of its file, None while it has none, and the file's ``size`` in bytes."""

    name: str | None = None
    size: int = 0
    used: threading.Lock = field(default_factory=threading.Lock)


class Openings:
    """The openings of one model with one adapter, for all of its copies; at most ``most`` bytes of them are kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.files = _files()
        self._most = most
        self._states: OrderedDict[bytes, _State] = OrderedDict()
        self._changing = threading.Lock()

    @property
    def kept(self) -> int:
        """The bytes that are kept."""
        return sum(state.size for state in self._states.values())

    def begin(self, copy: Reader, body: Mapping[str, Any]) -> bool:
        """Bring ``copy`` to where the opening of ``body`` has been read.

        False where the model refuses it: it is too long for the copy, or the template allows no empty message.
        """
        *before, last = body["messages"]
        opening = [*before, {**last, "content": ""}]
        key = hashlib.sha256(json.dumps(opening).encode()).digest()
        state = self._state(key)
        # Another copy that needs the same opening waits here until it is kept, instead of reading it too.
        with state.used:
            if not self._resumed(copy, state):
                # From nothing: tokens that it shares with what the copy read last would else stand in other batches.
                try:
                    reply = copy.ask({"messages": opening, "max_tokens": 1, "cache_prompt": False})
                except ValueError:  # the template allows no empty message
                    return False
                if "error" in reply:
                    return False
                self._keep(key, state, copy)
                # A state that was taken up may hold less than the one that was kept, so this call does so as well.
                self._resumed(copy, state)
        self._let_go()
        return True

    def close(self) -> None:
        """Let go of all that is kept; what a copy uses at the moment goes when it has begun."""
        self._most = 0
        self._let_go()

    def _state(self, key: bytes) -> _State:
        with self._changing:
            state = self._states.setdefault(key, _State())
            self._states.move_to_end(key)
            return state

    def _resumed(self, copy: Reader, state: _State) -> bool:
        # llama.cpp would end the whole process over a file that is shorter than it was.
        return state.name is not None and self.files.size(state.name) == state.size and copy.resume(state.name)

    def _keep(self, key: bytes, state: _State, copy: Reader) -> None:
        self._drop(state)
        name = self.files.new()
        kept = copy.keep(name) and (size := self.files.size(name)) <= self._most
        with self._changing:
            if kept and self._states.get(key) is state:
                state.name, state.size = name, size
            else:
                self.files.remove(name)

    def _let_go(self) -> None:
        """Drop the states that were not asked for longest until the others are within the bounds."""
        with self._changing:
            for key, state in list(self._states.items()):
                if self.kept <= self._most and len(self._states) <= MOST_FILES:
                    return
                if state.used.acquire(blocking=False):
                    self._drop(state)
                    del self._states[key]
                    state.used.release()

    def _drop(self, state: _State) -> None:
        if state.name is not None:
            self.files.remove(state.name)
        state.name, state.size = None, 0


class _InMemory:
    """Files without a name on any disk, which go with this process however it ends; Linux has them."""

    folder = "/proc/self/fd/"

    def new(self) -> str:
        return str(os.memfd_create("opening"))

    def size(self, name: str) -> int:
        return os.fstat(int(name)).st_size

    def remove(self, name: str) -> None:
        os.close(int(name))


class _OnDisk:
    """Files in a private folder, which goes with the openings, or when this process ends."""

    def __init__(self) -> None:
        place = tempfile.mkdtemp(prefix="papillon-openings-")
        weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        self.folder = place + os.sep
        self._made = 0

    def new(self) -> str:
        self._made += 1
        return str(self._made)

    def size(self, name: str) -> int:
        return Path(self.folder, name).stat().st_size

    def remove(self, name: str) -> None:
        Path(self.folder, name).unlink(missing_ok=True)


def _files() -> _InMemory | _OnDisk:
    return _InMemory() if hasattr(os, "memfd_create") and Path(_InMemory.folder).is_dir() else _OnDisk()
