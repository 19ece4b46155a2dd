"""Command line: what it names; an evaluation or a training never starts unless it was named."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from evals.harness.marks import MARKS, names, selects
from evals.harness.option_group import OPTIONS
from papillon.errors import PapillonError, UsageError
from papillon.project import CHECKOUT
from papillon.screen import visible

__all__ = [
    "EVALS",
    "SUITES",
    "in_evals",
    "in_suite",
    "names_evaluation",
    "names_training",
    "only_shows",
    "refusals",
    "refuse_options_without_a_suite",
    "refuse_settings_of_an_option",
]

EVALS = Path(__file__).resolve().parents[1]

#: The suites' files, in the order of their items: what is evaluated comes before what judges it.
SUITES = ("test_training.py", "test_examples.py", "test_controls.py", "test_judges.py", "test_gates.py")
_FILES = {EVALS / name for name in SUITES}
_FLAGS = {option.flag for option in OPTIONS}


@contextmanager
def refusals(before: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Inside, what this project refuses becomes pytest's own UsageError, with nothing in it that acts on a terminal;
    ``before`` is called then."""
    try:
        yield
    except PapillonError as error:
        before()
        raise pytest.UsageError(visible(str(error), one_line=True)) from None


@cache
def in_evals(path: Path) -> bool:
    """Whether a file lies in the suites' folder, also through links."""
    return path.resolve().parent == EVALS


@cache
def in_suite(path: Path) -> bool:
    """Whether a file is one of the suites, also through links; a user's own file beside them is not."""
    return path.resolve() in _FILES


def names_evaluation(config: pytest.Config) -> bool:
    """Whether an argument, or the folder where pytest was started, lies in ``evals/``.

    The training suite does not count: it evaluates nothing by itself.
    """
    here = config.invocation_params.dir
    return any(map(_evaluates, [*_paths(config.args, here, packages=config.option.pyargs), here.resolve()]))


def _evaluates(path: Path) -> bool:
    return path == EVALS or (EVALS in path.parents and path != EVALS / "test_training.py")


def _paths(arguments: Sequence[str], folder: Path, *, packages: bool) -> Iterator[Path]:
    """The paths that arguments name in ``folder``; of ``packages``, which ``--pyargs`` has, the suites' own alone."""
    for argument in arguments:
        name = argument.partition("::")[0].partition("[")[0]
        top, *below = name.split(".")
        if packages and top == EVALS.name:
            path = EVALS.joinpath(*below)
            yield path if path.is_dir() else path.with_suffix(".py")
        else:
            yield (folder / name).resolve()


def names_training(config: pytest.Config) -> bool:
    """Whether ``-m`` names the mark ``gpu`` without a ``not``; outside a checkout also an argument must lie in it."""
    if not names(config.getoption("markexpr", "") or "", "gpu"):
        return False
    # Others have tests of that mark too.
    paths = _paths(config.args, config.invocation_params.dir, packages=config.option.pyargs)
    return CHECKOUT or any(path in (EVALS, EVALS / "test_training.py") for path in paths)


def only_shows(config: pytest.Config) -> bool:
    """Whether an option has pytest show something and run no item: ``--collect-only``, ``--setup-plan``, …"""
    shows = ("help", "markers", "collectonly", "setuponly", "setupplan", "showfixtures", "show_fixtures_per_test")
    return any(config.getoption(name, False) for name in shows)


def refuse_options_without_a_suite(config: pytest.Config) -> None:
    """Raise UsageError for an evaluation's option typed where no suite is named.

    What stands in ``addopts`` is left alone: there it is a default for the runs that are evaluations.
    """
    typed = list(_typed_options(config.invocation_params.args))
    if not typed:
        return
    first = typed[0].partition("=")[0]
    marks = config.getoption("markexpr", "") or ""
    if not marks or not any(selects(marks, mark) for mark in MARKS):
        marks = "dev"
    from papillon.commands import suites

    words = ["pytest", *suites(config.invocation_params.dir), "-m", marks, *typed]
    raise UsageError(f"{first}: an evaluation runs only where it is asked for by path; type {shlex.join(words)}")


def _typed_options(arguments: Sequence[str]) -> Iterator[str]:
    """The evaluation's options among the arguments, each with its value as one word."""
    for place, argument in enumerate(arguments):
        for option in OPTIONS:
            if not option.flag.startswith("--eval-"):
                continue
            if argument == option.flag:
                yield "=".join(arguments[place : place + (2 if option.metavar else 1)])
            elif argument.startswith(f"{option.flag}="):
                yield argument


def refuse_settings_of_an_option(config: pytest.Config, given: argparse.Namespace) -> None:
    """Raise UsageError where pytest took an option's value for a path and chose its root, or its settings, by it.

    It looks for both before any plugin has said what its options are, so ``--eval-cache DIR`` looks like a path to
    tests; with ``=`` it does not. ``given`` is what it made of the arguments once the plugin was known.
    """
    here = config.invocation_params.dir
    words = list(_words(config))
    own = any(word.partition("=")[0] in _FLAGS for word in words)
    if not own and not any(map(_evaluates, _paths(given.file_or_dir, here, packages=given.pyargs))):
        return
    # Private to pytest, and this module is loaded in every project of the environment.
    from _pytest.config.findpaths import determine_setup

    root, settings, _, _ = determine_setup(
        inifile=given.inifilename,
        override_ini=None,
        args=given.file_or_dir,
        rootdir_cmd_arg=given.rootdir,
        invocation_dir=here,
    )
    if (root, settings) == (config.rootpath, config.inipath):
        return
    for flag, value in pairwise(words):
        looks_like_a_path = value not in given.file_or_dir and os.path.exists(here / value.partition("::")[0])
        if looks_like_a_path and flag.startswith("--") and "=" not in flag:
            raise UsageError(
                f"{flag} {value}: pytest took the value for a path to tests and {config.rootpath} for the project's "
                f"root; type {flag}={shlex.quote(value)}"
            )
    raise UsageError(
        f"Expected {root} as the project's root; pytest took an option's value for a path to tests and "
        f"{config.rootpath} for the root; write every option and its value as one word, OPTION=VALUE"
    )


def _words(config: pytest.Config) -> Iterator[str]:
    """What pytest chose its settings by: the words of its variable, those typed, and those of a file, ``@FILE``."""
    for word in [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]:
        if word.startswith("@"):
            yield from (config.invocation_params.dir / word[1:]).read_text().splitlines()
        else:
            yield word
