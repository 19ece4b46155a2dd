"""The nearest recorded call to one that is not recorded, and the fields in which they differ.

For the error of a strict replay: it names what changed, so that its reader sees at once whether a prompt, a
setting or a model did. Nothing here decides whether a call is made.
"""

from __future__ import annotations

import functools
import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from papillon.store.records import canonical_json
from papillon.store.store import Store

__all__ = ["Nearest", "Neighbours"]

#: How deep a call is taken apart to be compared: ``messages.1.content`` is three.
DEPTH = 3

#: How many calls are compared character by character.
CANDIDATES = 50

#: How many words stand for a text; the longest are the rarest.
WORDS = 16

#: Up to this many characters a text is compared as a whole alone.
SHORT = 20

#: Characters of an excerpt, before and after the first difference.
BEFORE, AFTER = 20, 40


@dataclass(frozen=True)
class Nearest:
    """The key of a recorded call, the dotted paths of the fields that differ, and an excerpt of the first of them: of a
    message, which may hold private texts, only where it differs."""

    key: str
    fields: tuple[str, ...]
    excerpt: str

    def __str__(self) -> str:
        fields = ", ".join(self.fields[:3])
        if len(self.fields) > 3:
            fields += f" and {len(self.fields) - 3} fields more"
        return f"the nearest recorded call, {self.key[:12]}, differs in {fields}: {self.excerpt}"


class Neighbours:
    """The calls of a store, made ready to be compared: read once, at the first question.

    Nearest is the call with the most in common, in whole fields and in the longest words of its texts; among
    the fifty nearest by that, the one with the fewest characters to change.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._calls: list[tuple[str, frozenset[int]]] | None = None

    def nearest(self, identity: Mapping[str, Any]) -> Nearest | None:
        """The recorded call nearest to ``identity``, a call's; None where nothing is recorded."""
        from rapidfuzz.distance import Indel

        if self._calls is None:
            self._calls = [(record.key, _traits(record.call)) for record in self._store.records()]
        text = canonical_json(identity)
        identity = json.loads(text)  # numbers as a record spells them
        traits = _traits(identity)
        alike = heapq.nlargest(CANDIDATES, ((len(traits & theirs), key) for key, theirs in self._calls))
        candidates = self._store.records(key for _, key in alike)
        record = min(candidates, key=lambda it: Indel.distance(text, canonical_json(it.call)), default=None)
        if record is None:
            return None
        differing = list(_differences(record.call, identity, ""))
        if not differing:
            return Nearest(record.key, (), "no field differs")
        path, recorded, asked = differing[0]
        excerpt = _place(recorded, asked) if path.startswith("messages") else _excerpt(recorded, asked)
        return Nearest(record.key, tuple(path for path, _, _ in differing), excerpt)


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


def _children(value: Any) -> dict[str, Any] | None:
    """The named parts of an object or a list; None for anything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return {str(place): item for place, item in enumerate(value)}
    return None


def _traits(identity: Mapping[str, Any]) -> frozenset[int]:
    """Hashes of the fields, and of the longest words in each, with their paths."""
    traits: set[int] = set()
    rest: list[tuple[tuple[str, ...], Any]] = [((), identity)]
    while rest:
        path, value = rest.pop()
        parts = _children(value) if len(path) < DEPTH else None
        if parts:
            rest.extend(((*path, name), item) for name, item in parts.items())
        else:
            text = value if isinstance(value, str) else repr(value)
            traits.add(hash((path, type(value), text)))
            traits.update(hash((path, word)) for word in _longest_words(text))
    return frozenset(traits)


@functools.lru_cache(maxsize=256)  # instructions stand in many calls
def _longest_words(text: str) -> tuple[str, ...]:
    return tuple(heapq.nlargest(WORDS, text.split(), key=len)) if len(text) > SHORT else ()


def _differences(recorded: Any, asked: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Path, recorded value and asked value of every field that differs, in the order of the paths."""
    ours, theirs = _children(recorded), _children(asked)
    if ours is not None and theirs is not None:
        for name in {**ours, **theirs}:
            below = f"{path}.{name}" if path else name
            yield from _differences(ours.get(name, ABSENT), theirs.get(name, ABSENT), below)
    elif ABSENT in (recorded, asked) or canonical_json(recorded) != canonical_json(asked):
        yield path, recorded, asked


def _place(recorded: Any, asked: Any) -> str:
    """Where two messages begin to differ, without a word of either."""
    if recorded is ABSENT or asked is ABSENT:
        return f"it is absent from the {'recorded' if recorded is ABSENT else 'asked'} one"
    one, other = _text(recorded), _text(asked)
    return f"from character {_alike(one, other) + 1} on, of {len(one)} recorded and {len(other)} asked"


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    shorter = min(len(one), len(other))
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), shorter)


def _excerpt(recorded: Any, asked: Any) -> str:
    """Both values around the first character in which they differ, in one line, nothing unprintable."""
    one, other = _text(recorded), _text(asked)
    start = max(0, _alike(one, other) - BEFORE)
    return f"recorded {_quoted(one, start)}, asked {_quoted(other, start)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value) if value is ABSENT else canonical_json(value)


def _quoted(text: str, start: int) -> str:
    end = start + BEFORE + AFTER
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[start:end])
    return f'"{"…" if start else ""}{shown}{"…" if end < len(text) else ""}"'
