"""Reading: a JSON value as the frozen dataclass that it was written from, each field checked against its type.

A field without a default must be there; one that is not known here was written by a later version, and is passed over.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from papillon.shape import Bound

__all__ = ["Unreadable", "read"]

T = TypeVar("T")
Reader = Callable[[Any], Any]


class Unreadable(ValueError):
    """A value that is not what its place holds: ``where`` it stands, and ``what`` is wrong, as parts of a sentence."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where.lstrip('.') or 'the whole'} {what}")
        self.what, self.where = what, where

    def below(self, step: str) -> Unreadable:
        """The same, seen from one level further up."""
        return Unreadable(self.what, step + self.where)


def read(kind: type[T], value: object) -> T:
    """A value, as ``json.loads`` gives it, as a ``kind`` of dataclass; Unreadable, naming the place, where it is none.

    Numbers that are not finite are refused, and no value stands in a message: who knows what file this is.
    """
    reader: Reader = _reader(kind)  # type: ignore[arg-type]
    found: T = reader(value)
    return found


@cache
def _reader(kind: Any) -> Reader:
    """What reads a value of one type, as annotations name it."""
    origin, of = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _within(_reader(of[0]), [note for note in of[1:] if isinstance(note, Bound)])
    if kind is Any:
        return lambda value: value
    if is_dataclass(kind):
        return _dataclass(kind)
    if kind is float:
        return _number
    if origin is Literal:
        return _one_of(of)
    if origin in (Union, types.UnionType):
        kinds = [each for each in of if each is not type(None)]
        inner = _either(tuple(kinds)) if len(kinds) > 1 else _reader(kinds[0])
        return _optional(inner) if type(None) in of else inner
    if origin is tuple:
        return _list(_reader(of[0])) if of[1:] == (...,) else _pair([_reader(each) for each in of])
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(of[1]))
    return _plain(kind)


def _within(inner: Reader, bounds: list[Bound]) -> Reader:
    def reading(value: Any) -> Any:
        found = inner(value)
        for bound in bounds:
            if not bound.holds(found):
                noun = "a whole number" if type(found) is int else "a number"
                raise Unreadable(f"is {found!r} where {bound.words.format(noun)} belongs")
        return found

    return reading


def _plain(kind: type) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) is not kind:
            raise Unreadable(f"is {_named(value)} where {_NAMES[kind]} belongs")
        if _too_long(value):
            raise Unreadable("is a whole number of too many digits")
        return value

    return reading


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) < 2**1000:
        return float(value)
    raise Unreadable(f"is {_named(value)} where a finite number belongs")


def _too_long(value: Any) -> bool:
    """Whether a value is a whole number of more digits than anything counts; reports could not write it."""
    return type(value) is int and abs(value) >= 2**63


def _one_of(words: tuple[Any, ...]) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) is not str or value not in words:
            raise Unreadable(f"is none of {', '.join(words)}")
        return value

    return reading


def _optional(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _either(kinds: tuple[type, ...]) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) not in kinds or _too_long(value):
            raise Unreadable(f"is {_named(value)} where {' or '.join(_NAMES[kind] for kind in kinds)} belongs")
        return value

    return reading


def _list(inner: Reader) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) is not list:
            raise Unreadable(f"is {_named(value)} where a list belongs")
        return tuple(_at(f"[{place}]", inner, each) for place, each in enumerate(value))

    return reading


def _pair(inner: list[Reader]) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) is not list or len(value) != len(inner):
            raise Unreadable(f"is not a list of {len(inner)}")
        return tuple(_at(f"[{place}]", inner[place], each) for place, each in enumerate(value))

    return reading


def _mapping(inner: Reader) -> Reader:
    def reading(value: Any) -> Any:
        if type(value) is not dict:
            raise Unreadable(f"is {_named(value)} where an object belongs")
        return {name: _at(f".{name}", inner, each) for name, each in value.items()}

    return reading


def _dataclass(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]

    def reading(value: Any) -> Any:
        if type(value) is not dict:
            raise Unreadable(f"is {_named(value)} where an object belongs")
        for name in needed:
            if name not in value:
                raise Unreadable("is not there", f".{name}")
        return kind(**{name: _at(f".{name}", reader, value[name]) for name, reader in readers.items() if name in value})

    return reading


def _at(step: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except Unreadable as error:
        raise error.below(step) from None


_NAMES: Mapping[type, str] = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _named(value: Any) -> str:
    return _NAMES.get(type(value), type(value).__name__)
