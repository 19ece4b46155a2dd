"""Call and Record: what identifies one model call, and what was answered to it.

A call is known by its key, a hash over its identity in canonical JSON; a record binds an answer to a key with
a checksum, and has one written form, for the database and for exports alike. Where records are kept, and when
a call is made at all, is left to others.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from papillon.bounds import LONGEST_RECORD
from papillon.errors import StoreError

__all__ = ["Answer", "Call", "Record", "Usage", "canonical_json", "is_key"]

_KEY = re.compile(r"[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_key(value: Any) -> bool:
    """Whether ``value`` has the form of a call's key: 64 hexadecimal digits, lower case."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def canonical_json(value: Any) -> str:
    """The one JSON text of ``value``: sorted keys, no spaces, each number in one spelling (1.0 is 1).

    Two values have the same text exactly when they are the same JSON value. The text can always be encoded
    as UTF-8: a lone surrogate stands escaped, two that form a pair stand as their character. Raises
    StoreError, naming the path, where a value has no place in JSON (NaN, bytes, keys that are no strings).
    """
    try:
        text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except _Misplaced:
        path, found = _misplaced(value, "")
        raise StoreError(
            f"A recorded call holds JSON values, but {path or 'it'} is {found!r:.80} ({type(found).__name__}): "
            "give a string, a finite number, true, false, null, a list, or an object with strings for keys."
        ) from None
    except (ValueError, RecursionError) as error:
        raise StoreError(f"A recorded call holds JSON values, but one cannot be written: {error}.") from error
    try:
        text.encode()
    except UnicodeEncodeError:
        paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        text = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", paired)
    return text


class _Misplaced(Exception):
    """Some value has no place in JSON."""


def _plain(value: Any) -> Any:
    """``value`` in dict, list, str, int, float, bool and None alone; whole floats as int."""
    if value is None or isinstance(value, (str, int)):  # bool among them
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    if isinstance(value, (dict, Mapping)):  # dict first: to ask an abstract class takes longer
        for name in value:
            if not isinstance(name, str):
                raise _Misplaced
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise _Misplaced


def _misplaced(value: Any, path: str) -> tuple[str, Any]:
    """The path and value of what :func:`_plain` stumbled over."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    for name, item in items:
        try:
            _plain(item)
        except _Misplaced:
            return _misplaced(item, f"{path}.{name}" if path else str(name))
    return path, value


@dataclass(frozen=True, eq=False)
class Call:
    """One model call by its identity: everything that can change the answer, and nothing that cannot.

    ``identity`` is a mapping of JSON values (model, messages, sampling, trial, ...), not changed afterwards.
    Calls are equal exactly when their keys are. Raises StoreError, on the first use of the key, where the
    identity holds something else than JSON values.
    """

    identity: Mapping[str, Any] = field(repr=False)  # it may hold private texts

    @cached_property
    def text(self) -> str:
        """The identity's canonical JSON."""
        return canonical_json(self.identity)

    @cached_property
    def key(self) -> str:
        """sha256 over the identity's canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class Answer:
    """What a model said, also when it is empty or cut short, and why it stopped (``stop``, ``length``)."""

    text: str = field(repr=False)
    finish_reason: str


@dataclass(frozen=True, slots=True)  # a run keeps those of every call
class Usage:
    """Tokens that the call took, of the prompt and written; None where the model did not say.

    ``cached`` counts those of the prompt that an earlier call had read.
    """

    input: int | None
    output: int | None
    cached: int | None = None

    def to_json(self) -> dict[str, int | None]:
        """Its counts; ``cached`` is left out where nothing is known of it, as in older records."""
        counts = {"input": self.input, "output": self.output}
        return counts if self.cached is None else {**counts, "cached": self.cached}


@dataclass(frozen=True)
class Record:
    """One answered call: its key, its identity, the answer and the usage. It holds no time and no secret."""

    key: str
    call: Mapping[str, Any] = field(repr=False)
    answer: Answer
    usage: Usage

    @classmethod
    def of(cls, call: Call, answer: Answer, usage: Usage) -> Record:
        """The record of ``call``."""
        record = cls(call.key, call.identity, answer, usage)
        # The call's text is there already, and is most of the record's.
        vars(record).update(_call_text=call.text)
        return record

    @cached_property
    def _call_text(self) -> str:
        return canonical_json(self.call)

    @cached_property
    def _body(self) -> str:
        answer, usage = canonical_json(vars(self.answer)), canonical_json(self.usage.to_json())
        return f'{{"answer":{answer},"call":{self._call_text},"usage":{usage}}}'

    @cached_property
    def checksum(self) -> str:
        """sha256 over the key and the canonical JSON of call, answer and usage, 64 hexadecimal digits."""
        return hashlib.sha256((self.key + self._body).encode()).hexdigest()

    def to_text(self) -> str:
        """``{"checksum":…,"key":…,"record":{"answer":…,"call":…,"usage":…}}``, canonical JSON in one line.

        Its first two values stand at fixed places, so that checking it costs one hash and no second writing.
        """
        return f'{{"checksum":"{self.checksum}","key":"{self.key}","record":{self._body}}}'

    @classmethod
    def from_text(cls, text: bytes) -> Record:
        """The record that :meth:`to_text` wrote, in UTF-8.

        Raises StoreError, saying what is wrong, where it is another text, or its checksum does not fit.
        """
        if len(text) > LONGEST_RECORD:
            raise StoreError(f"it is longer than {LONGEST_RECORD} bytes")
        checksum, key, body = text[13:77], text[86:150], text[161:-1]
        if text != b'{"checksum":"%b","key":"%b","record":%b}' % (checksum, key, body):
            raise StoreError("it is not in the form in which a call is recorded")
        if hashlib.sha256(key + body).hexdigest().encode() != checksum:
            raise StoreError("its checksum does not fit its contents")
        try:
            record = cls._of_json(key.decode(), json.loads(body.decode()))
        except (ValueError, RecursionError) as error:
            raise StoreError(f"it is not JSON ({error})") from error
        except (KeyError, TypeError) as error:
            raise StoreError(f"a field of it is missing, unknown or of a wrong type ({error})") from error
        # What was verified is what is written on, and is not computed again.
        vars(record).update(checksum=checksum.decode(), _body=body.decode())
        return record

    @classmethod
    def _of_json(cls, key: str, data: Any) -> Record:
        answer, usage = Answer(**data["answer"]), Usage(**data["usage"])
        texts = (key, answer.text, answer.finish_reason)
        counts = (usage.input, usage.output, usage.cached)
        if not (
            is_key(key)
            and isinstance(data["call"], dict)
            and all(isinstance(text, str) for text in texts)
            and all(count is None or (type(count) is int and count >= 0) for count in counts)
        ):
            raise TypeError(f"key {key!a:.80}")
        return cls(key, data["call"], answer, usage)

    def require_own_key(self) -> None:
        """Raises StoreError where the key is not the key of the call."""
        # No string of JSON can hold these quotes: between them stands the call as it was written.
        start, end = self._body.find(',"call":') + len(',"call":'), self._body.rfind(',"usage":')
        if hashlib.sha256(self._body[start:end].encode()).hexdigest() == self.key:
            return
        if self.key != Call(self.call).key:
            raise StoreError("its key is not the key of its call")
