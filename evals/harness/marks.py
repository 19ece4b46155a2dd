"""Marks: what a ``-m`` selects, evaluated as pytest evaluates it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

import pytest

from papillon.errors import UsageError
from papillon.spelling import nearest

if TYPE_CHECKING:
    from _pytest.mark.expression import Expression

__all__ = ["MARKERS", "MARKS", "names", "needs", "refuse_wrong_expressions", "selects"]

#: The suites' marks, as ``-m`` may name them.
MARKS = ("dev", "test", "judges", "gpu")
#: The same with what each stands for, as pytest lists them.
MARKERS = (
    "dev: evaluates and gates the dev split",
    "test: evaluates and gates the test split",
    "judges: tests the configured judge against labelled cases",
    "gpu: trains; runs only when -m asks for it",
)

#: Of how many other marks of an expression every combination is tried.
_TRIED = 8


def names(expression: str, mark: str) -> bool:
    """Whether an expression names ``mark`` without a ``not``, and selects an item that has it alone.

    ``gpu or not slow`` does, ``not (slow or gpu)``, ``not dev`` and ``gpu and dev`` do not.
    """
    # Every project of the environment loads this, and few of its expressions hold the word.
    if mark not in expression or not selects(expression, mark):
        return False
    return any(has and not has_not for has_not, has in _both_ways(expression, mark))


def needs(expression: str, mark: str) -> bool:
    """Whether an expression can select only items that have ``mark``."""
    if mark not in expression:
        return False
    tried = list(_both_ways(expression, mark))
    return bool(tried) and not any(has_not for has_not, _ in tried)


def selects(expression: str, mark: str) -> bool:
    """Whether an expression selects an item that has ``mark`` and no other; an empty one selects every item."""
    if not expression:
        return True
    compiled = _compiled(expression)
    return compiled is not None and _holds(compiled, {mark})


def _both_ways(expression: str, mark: str) -> Iterator[tuple[bool, bool]]:
    """What an expression says of an item without ``mark`` and with it, for each choice of the other marks."""
    if (compiled := _compiled(expression)) is None:
        return
    others = sorted(compiled.idents() - {mark})
    free, alike = others[:_TRIED], others[_TRIED:]
    for chosen in product((False, True), repeat=len(free) + bool(alike)):
        there = {other for other, has in zip(free, chosen, strict=False) if has}
        if alike and chosen[-1]:
            there.update(alike)
        yield _holds(compiled, there - {mark}), _holds(compiled, there | {mark})


def _holds(compiled: Expression, marks: set[str]) -> bool:
    def matches(name: str, /, **arguments: str | int | bool | None) -> bool:
        return name in marks

    return compiled.evaluate(matches)


def _compiled(expression: str) -> Expression | None:
    """The expression as pytest reads it; None where it cannot, which pytest says in its own time."""
    # Private to pytest, and this module is loaded in every project of the environment.
    from _pytest.mark.expression import Expression

    try:
        return Expression.compile(expression)
    except SyntaxError:
        return None


def refuse_wrong_expressions(config: pytest.Config) -> None:
    """Raise UsageError for a ``-m`` or ``-k`` that cannot be read, or a mark that nobody has where marks are strict.

    pytest would do so while it collects, which under xdist is in a worker, and then takes the session with it.
    """
    from _pytest.mark.expression import Expression

    for flag, option in (("-m", "markexpr"), ("-k", "keyword")):
        text = config.getoption(option, "") or ""
        try:
            words = Expression.compile(text).idents() if text else frozenset()
        except SyntaxError as error:
            raise UsageError(f"{flag} {text!r}: expected names with and, or, not and parentheses, {error}.") from None
        strict = config.getini("strict_markers")
        if flag == "-m" and (config.getini("strict") if strict is None else strict):
            known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
            for word in sorted(words - known):
                near = nearest(word, MARKS)
                meant = "pytest --markers lists them." if near is None else f"did you mean {near}?"
                raise UsageError(f"-m {text!r}: expected marks such as {', '.join(MARKS)}, got {word}; {meant}")
