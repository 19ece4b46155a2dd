"""Shape: what a frozen dataclass says of its fields, and data from outside held to it.

A field's annotation and default are all there is to say: its type, ``X | None``, a ``Literal``'s choices, and as
``Annotated`` notes its bound (:class:`Bound`) and the rest below. Profiles, training settings and calibration cases
are read by this. What does not fit is raised as data, a :class:`Misfit`: where it stands, and the words for that, are
the reader's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from papillon.files import looked_up

__all__ = [
    "EMPTY",
    "NO_KEY",
    "Bound",
    "Misfit",
    "Missing",
    "Needed",
    "Unfit",
    "Unknown",
    "at_least",
    "between",
    "check_keys",
    "fit",
    "fitted",
    "hints_of",
    "keys_of",
]

#: Notes on a field: its text may be empty; it is no key of the table that the dataclass is read from.
EMPTY, NO_KEY = "may be empty", "no key"


@dataclass(frozen=True)
class Bound:
    """A note: what a value must satisfy beside its type, and what is said to be expected; {} is the type's noun."""

    holds: Callable[[Any], bool]
    words: str = "{}"


@dataclass(frozen=True)
class Needed:
    """A note: what is said to be expected where a field without a default is not there."""

    words: str


def at_least(low: float) -> Bound:
    """A number or a whole number from ``low`` upwards."""
    return Bound(lambda value: value >= low, f"{{}} of at least {low}")


def between(low: float, high: float) -> Bound:
    """A number in [``low``, ``high``]."""
    return Bound(lambda value: low <= value <= high, f"{{}} from {low} to {high}")


class Misfit(ValueError):
    """Data that the fields of a dataclass do not allow; ``key`` is where, such as ``lora_config.r``."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Unknown(Misfit):
    """A key that is no field's; ``table`` is the key of the table that holds it, ``known`` names its fields."""

    def __init__(self, key: str, table: str, known: tuple[str, ...]) -> None:
        super().__init__(key)
        self.table, self.known = table, known


class Missing(Misfit):
    """A field without a default that is not there; ``words`` say what was expected."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(key)
        self.words = words


class Unfit(Misfit):
    """A value of another type, or out of bounds: ``expected`` are the words for what was, or the choices themselves."""

    def __init__(self, key: str, expected: str | tuple[Any, ...], value: Any) -> None:
        super().__init__(key)
        self.expected, self.value = expected, value

    def phrase(self, choice: Callable[[Any], str] = repr) -> str:
        """What was expected, in words, each choice as ``choice`` writes it."""
        return self.expected if isinstance(self.expected, str) else "one of " + ", ".join(map(choice, self.expected))


def hints_of(cls: Any) -> dict[str, Any]:
    """The annotation of each field by its name, notes included."""
    return _hints(cls)


_hints = cache(partial(get_type_hints, include_extras=True))


def keys_of(cls: Any) -> tuple[str, ...]:
    """The fields that are keys of the table that ``cls`` is read from, in their order."""
    return tuple(name for name, hint in hints_of(cls).items() if NO_KEY not in _apart(hint)[2])


def check_keys(cls: Any, names: Iterable[str], table: str = "") -> None:
    """Raise Unknown for a name that is no key of ``cls``, Missing for a key without a default that is not there."""
    names, known = list(names), keys_of(cls)
    for name in names:
        if name not in known:
            raise Unknown(name, table, known)
    for field in fields(cls):
        if field.name in known and field.name not in names and field.default is field.default_factory is MISSING:
            needed = (note.words for note in _apart(hints_of(cls)[field.name])[2] if isinstance(note, Needed))
            raise Missing(field.name, next(needed, f"a key {field.name!r}, and there is none"))


def fit(one: Any) -> None:
    """Hold a new frozen dataclass to its fields, from its ``__post_init__``; raises Unfit or Unknown."""
    for name, hint in hints_of(type(one)).items():
        object.__setattr__(one, name, fitted(name, getattr(one, name), hint))


def fitted(key: str, value: Any, hint: Any, base: Path = Path()) -> Any:
    """``value`` as the annotation ``hint`` has it: 1 as 1.0, a list as a tuple, a table as its dataclass.

    A relative path counts from ``base``. Raises Unfit, or Unknown for a key of a table inside.
    """
    kind, optional, notes = _apart(hint)
    if value is None and optional:
        return None
    noun, bounds = _noun(kind), [note for note in notes if isinstance(note, Bound)]
    try:
        found = _typed(key, value, kind, base)
        if kind is str and not found and EMPTY not in notes:
            raise _OtherType
        for bound in bounds:
            if not bound.holds(found):
                raise Unfit(key, bound.words.format(noun), found)
        if kind is float and math.isinf(found):
            raise _OtherType
    except _OtherType:
        # A whole number is asked for with its bound, or 1.5 might be corrected to one below it.
        said = bounds[0].words.format(noun) if kind is int and bounds and "{}" in bounds[0].words else noun
        raise Unfit(key, said, value) from None
    return found


class _OtherType(Exception):
    """A value is not of its field's type."""


def _apart(hint: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """The type that an annotation names, whether it may be None instead, and its notes."""
    notes: tuple[Any, ...] = ()
    optional = False
    while (origin := get_origin(hint)) in (Annotated, Union, UnionType):
        if origin is Annotated:
            hint, *more = get_args(hint)
            notes += tuple(more)
        else:
            optional = True
            (hint,) = (option for option in get_args(hint) if option is not NoneType)
    return hint, optional, notes


_NOUNS = {int: "a whole number", float: "a number", bool: "true or false", Mapping: "a table", tuple: "a list"}


def _noun(kind: Any) -> str | tuple[Any, ...]:
    """What a value of a type is called; a Literal's are its choices."""
    origin = get_origin(kind)
    if origin is Literal:
        return get_args(kind)
    if origin is tuple:
        items = _apart(get_args(kind)[0])[0]
        if get_origin(items) is Literal:
            return f"a list out of {', '.join(map(str, get_args(items)))}"
        return "a list of strings" if items is str else "a list"
    return "a table" if is_dataclass(kind) else _NOUNS.get(origin or kind, "a non-empty string")


def _typed(key: str, value: Any, kind: Any, base: Path) -> Any:
    """``value`` as one of ``kind``; raises _OtherType where it is none."""
    origin: Any = get_origin(kind) or kind
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in get_args(kind)):
            return value
    elif isinstance(value, Mapping) and is_dataclass(origin):
        check_keys(origin, value, key)
        return kind(**{name: fitted(f"{key}.{name}", each, hints_of(origin)[name]) for name, each in value.items()})
    elif origin is tuple and isinstance(value, (list, tuple)):
        try:
            return tuple(fitted(key, each, get_args(kind)[0]) for each in value)
        except Unfit:
            raise _OtherType from None
    elif origin is float:
        if type(value) in (int, float) and value == value:
            with suppress(OverflowError):
                return float(value)
    elif origin is Path and isinstance(value, str) and value:
        try:
            return looked_up(value, base)
        except ValueError as error:
            raise Unfit(key, f"a path that can be looked up ({error})", value) from None
    elif origin is int and type(value) is int and abs(value) >= 2**63:
        raise Unfit(key, "a whole number below 2 to the power of 63", value)
    elif origin is Any or (type(value) is origin if origin in (int, str, bool) else isinstance(value, origin)):
        return value
    raise _OtherType
