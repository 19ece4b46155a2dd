"""A watch over the requests of rollouts: it looks at each and keeps none."""

from __future__ import annotations

import threading
from functools import cached_property

import dspy

from papillon.leaks import fold, words
from papillon.training.folder.requests import Requests
from papillon.training.grpo.outputs import training_adapter

__all__ = ["RequestWatch"]


class RequestWatch:
    """Looks at a program's requests, from any thread."""

    def __init__(self, program: dspy.Module) -> None:
        self._program = program
        self._seen = Requests()
        self._lock = threading.Lock()

    def add(self, request: str, query: str) -> None:
        """A run's ``request`` for ``query``."""
        said, asked = _in_words(request), _in_words(query)
        looked = Requests(
            seen=1,
            empty=int(not said),
            prompt=int(bool(said) and said in self._prompts),
            query=int(bool(asked) and asked in said),
            words=len(said.split()),
        )
        with self._lock:
            self._seen += looked

    def taken(self) -> Requests:
        """What was seen since the last call of this method."""
        with self._lock:
            seen, self._seen = self._seen, Requests()
        return seen

    @cached_property
    def _prompts(self) -> str:
        """What the program's prompts say whatever the query: instructions, fields and their format."""
        adapter = training_adapter()
        return "".join(_in_words(adapter.format_system_message(each.signature)) for each in self._program.predictors())


def _in_words(text: str) -> str:
    """The words of ``text`` with a blank before and behind each; empty without one."""
    found = words(fold(text))
    return f" {' '.join(found)} " if found else ""
