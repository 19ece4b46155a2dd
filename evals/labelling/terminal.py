"""Terminal: the questions of a sitting one by one, for who has no browser; answers are lines that are typed."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from evals.labelling.questions import Answer, Choice
from evals.labelling.sitting import Sitting

__all__ = ["asked_at_terminal"]

_CHOICES: dict[str, Choice] = {"1": "A", "2": "same", "3": "B", "0": "cannot tell"}
_ALWAYS = "c TEXT comments, u takes back, q ends: "
_QUALITY = f"1 A is better, 2 both are equally good, 3 B is better, 0 cannot tell; {_ALWAYS}"
_LEAKAGE = f"the numbers of those it gives away, Enter for none, a for all, ? cannot tell; {_ALWAYS}"
_NOTHING = f"there is nothing to judge in this row: Enter goes on; {_ALWAYS}"
_END = "All rows are labelled: Enter ends, u takes back: "

T = TypeVar("T")


class _Quit(Exception):
    """The person ends it."""


class _Undo(Exception):
    """The person takes something back."""


def asked_at_terminal(sitting: Sitting, read: Callable[[str], str]) -> None:
    """Ask until all rows are labelled, or the person or the input ends it; each answer is kept at once.

    ``read`` shows a prompt and gives the line that was typed; EOFError ends. UsageError where nothing can be written.
    """
    with contextlib.suppress(_Quit):
        while True:
            try:
                if (asked := sitting.questions) is None:
                    _typed(_END, read, lambda line: None if line else True)
                    return
                print(f"\n{_rule()}\n{sitting.left} of {len(sitting.draws)} left\n")
                comments: list[str] = []
                answer = _answered(asked.shown(), partial(_without_comments, comments, read))
                sitting.answer(replace(answer, comment="\n".join(comments)))
            except _Undo:
                print("Taken back." if sitting.undo() else "There is nothing to take back.")


def _without_comments(comments: list[str], read: Callable[[str], str], prompt: str) -> str:
    """The first line that is no comment; those go to ``comments``."""
    while (said := re.match(r"\s*c\s+(\S.*)", line := read(prompt), re.IGNORECASE)) is not None:
        comments.append(said[1].rstrip())
        print("It is kept with your answer about this row.")
    return line


def _answered(shown: dict[str, Any], read: Callable[[str], str]) -> Answer:
    """What is typed about one row; taking back goes from its units to its replies first."""
    _text("Query", shown["query"])
    while True:
        choice: Choice | None = None
        if shown["replies"] is not None:
            for name, reply in zip("AB", shown["replies"], strict=True):
                _text(f"Reply {name}", reply)
            choice = _typed(_QUALITY, read, _CHOICES.get)
            if not shown["units"]:
                return Answer(choice, None)
        for request in shown["requests"]:
            _text("Request to the untrusted model", request)
        if not shown["units"]:
            return _typed(_NOTHING, read, lambda line: None if line else Answer(None, None))
        print("Does it give away:\n" + "\n".join(f"  {n}  {unit}" for n, unit in enumerate(shown["units"], 1)))
        try:
            return _typed(_LEAKAGE, read, partial(_on_units, choice, len(shown["units"])))
        except _Undo:
            if shown["replies"] is None:
                raise


def _typed(prompt: str, read: Callable[[str], str], meaning: Callable[[str], T | None]) -> T:
    """What a line means, asked for until it means something; _Quit at the input's end."""
    while True:
        try:
            line = read(prompt).strip().casefold()
        except EOFError:
            raise _Quit from None
        if line in ("q", "u"):
            raise _Quit if line == "q" else _Undo
        if (said := meaning(line)) is not None:
            return said
        print("That is none of these.")


def _on_units(choice: Choice | None, units: int, line: str) -> Answer | None:
    flags = _flags(line, units)
    return Answer(choice, flags) if flags is not None or line == "?" else None


def _flags(line: str, units: int) -> tuple[bool, ...] | None:
    """Which units the numbers of a line name; None where it says something else."""
    if line in ("a", ""):
        return (line == "a",) * units
    if not re.fullmatch(r"\d{1,4}(?:[\s,]+\d{1,4})*", line, re.ASCII):
        return None
    numbers = {int(number) for number in re.findall(r"\d+", line)}
    return tuple(n in numbers for n in range(1, units + 1)) if numbers <= set(range(1, units + 1)) else None


def _text(head: str, text: str) -> None:
    print(f"{head}:\n\n{text or '(empty)'}\n")


def _rule() -> str:
    return "─" * min(72, shutil.get_terminal_size().columns)
