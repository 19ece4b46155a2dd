"""Typed options: one word for an option and its value, whoever typed it for pytest."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.option_group import OPTIONS
from papillon.typed_options import VALUED, join_typed, joined

FLAGS = sorted(option.flag for option in OPTIONS)
STARTED = ["/env/bin/python", "-m", "pytest"]
WORDS = st.lists(st.sampled_from([*FLAGS, "-m", "dev", "evals", "--eval-cache=a", "--", "", "../theirs", "x y"]))


def test_the_options_that_take_a_value_are_those_of_the_plugin() -> None:
    assert {option.flag for option in OPTIONS if option.metavar} == VALUED


@pytest.mark.parametrize("flag", sorted(VALUED))
def test_an_option_and_its_value_become_one_word(flag: str) -> None:
    assert joined([flag, "../theirs/file", "evals"]) == [f"{flag}=../theirs/file", "evals"]
    assert joined(["evals", f"{flag}=one", "two"]) == ["evals", f"{flag}=one", "two"]
    assert joined(["evals", flag]) == ["evals", flag]
    assert joined([flag, "-m", "dev"]) == [flag, "-m", "dev"]


@given(WORDS)
def test_joining_loses_no_word_and_leaves_no_value_alone(words: list[str]) -> None:
    once = joined(words)
    assert joined(once) == once
    assert not any(a in VALUED and not b.startswith("-") for a, b in pairwise(once))
    assert "=".join(once).replace("=", " ") == "=".join(words).replace("=", " ")


@pytest.mark.parametrize(
    "started",
    [
        STARTED,
        ["/env/bin/python", "/env/bin/pytest"],
        ["/env/bin/python", "-mpytest"],
        ["/env/bin/python", "-m", "coverage", "run", "-m", "pytest"],
        ["/env/bin/python", "/editor/run_pytest_script.py"],
    ],
    ids=["module", "script", "glued", "coverage", "editor"],
)
def test_what_is_typed_for_pytest_is_joined_in_place(started: list[str]) -> None:
    typed = ["-m", "evals", "--eval-cache", "../theirs"]
    join_typed(typed, [*started, *typed[1:]], {})
    assert typed == ["-m", "evals", "--eval-cache=../theirs"]


def test_another_programs_words_are_its_own() -> None:
    typed = ["train.py", "--eval-dataset", "a", "b"]
    join_typed(typed, ["/env/bin/python", *typed], {})
    assert typed == ["train.py", "--eval-dataset", "a", "b"]


def test_the_words_of_the_environment_are_joined() -> None:
    environment = {"PYTEST_ADDOPTS": "-q --eval-cache 'a folder/cache' --eval-accept evals"}
    join_typed(["x"], ["x"], environment)
    assert shlex.split(environment["PYTEST_ADDOPTS"]) == ["-q", "--eval-cache=a folder/cache", "--eval-accept", "evals"]


@pytest.mark.parametrize("kept", ["-q  -k 'a b'", "--eval-cache=x", "--eval-cache 'x", ""])
def test_an_environment_without_such_words_stays_as_it_is(kept: str) -> None:
    environment = {"PYTEST_ADDOPTS": kept}
    join_typed(["x"], ["x"], environment)
    assert environment == {"PYTEST_ADDOPTS": kept}
