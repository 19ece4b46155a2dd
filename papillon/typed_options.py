"""Typed options: joins an evaluation's option and its value to one word, before pytest reads any.

pytest looks for its settings and its conftest.py before it knows a plugin's options, and takes ``DIR`` of
``--eval-cache DIR`` for a path to tests: settings beside it would choose what is imported, and from where. No plugin is
loaded by then, so the package has Python itself call this (``startup.pth``), where such a word is typed.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

__all__ = ["VALUED", "at_startup", "join_typed", "joined"]

#: The options of the pytest plugin that take a value; the plugin's own table is not to be imported this early.
VALUED = frozenset(
    f"--eval-{name}"
    for name in (
        *("profile", "dataset", "split", "limit", "trials", "program", "judge", "concurrency", "record", "cache"),
        *("import", "export", "max-calls", "max-cost", "runs", "baseline", "labels", "results", "summary", "report"),
        "shard",
    )
) | {"--train-device"}


def joined(words: Sequence[str]) -> list[str]:
    """The words of a command, with each option of VALUED and the value behind it as one word, ``OPTION=VALUE``."""
    together: list[str] = []
    for word in words:
        if together and together[-1] in VALUED and not word.startswith("-"):
            together[-1] += f"={word}"
        else:
            together.append(word)
    return together


def join_typed(typed: list[str], started: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Join in place what is typed for pytest: ``sys.argv``, where ``started`` (``sys.orig_argv``) names it, and its
    variable PYTEST_ADDOPTS."""
    if any("pytest" in Path(word).name for word in started):
        typed[1:] = joined(typed[1:])
    try:
        words = shlex.split(environment.get("PYTEST_ADDOPTS", ""))
    except ValueError:
        return  # pytest says what is wrong with it
    if joined(words) != words:
        environment["PYTEST_ADDOPTS"] = shlex.join(joined(words))


def at_startup() -> None:
    """What ``startup.pth`` calls: join this process' words, and leave nothing behind."""
    join_typed(sys.argv, sys.orig_argv, os.environ)
    for name in ("papillon", __name__):
        sys.modules.pop(name, None)  # pytest warns of each plugin's module that was imported before it could rewrite it
