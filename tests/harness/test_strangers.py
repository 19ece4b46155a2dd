"""Strangers' folders: whatever an option's value names, pytest's settings and code come from elsewhere.

pytest looks for both before it knows any plugin's options, and takes what is typed behind one for a path to tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.harness.option_group import OPTIONS
from papillon.project import ROOT
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.strangers import ran, stranger
from tests.model_server import ModelServer

EVALS = str(ROOT / "evals")
TAKES_A_PATH = [
    option.flag for option in OPTIONS if option.metavar and any(m in option.metavar for m in ("FILE", "DIR", "PATH"))
]
DEV = ("-m", "dev", "--collect-only", "-q")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return stranger(tmp_path / "theirs")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def named(flag: str, folder: Path) -> Path:
    """Something there for an option to name, in a stranger's folder: a folder, or a file that is no good."""
    if flag in ("--eval-cache", "--eval-runs"):
        (folder / "named").mkdir()
        shutil.copy(folder / "conftest.py", folder / "named" / "conftest.py")
    else:
        (folder / "named").write_text("")
    return folder / "named"


@pytest.mark.slow
@pytest.mark.parametrize("flag", TAKES_A_PATH)
def test_nothing_beside_an_options_value_is_read(
    evaluator: Evaluator, theirs: Path, elsewhere: Path, flag: str
) -> None:
    value = str(named(flag, theirs))
    run = evaluator.run("--pyargs", flag, value, "evals", *DEV, bare=True, cwd=elsewhere)
    assert not ran(theirs)
    assert "pytest took" not in run.out
    # What is no good in the file is said.
    assert run.out.count("test_example[") == 20 or flag in run.out or value in run.out, run.out


@pytest.mark.slow
@pytest.mark.parametrize("place", ["behind", "before", "with =", "environment"])
def test_wherever_the_option_stands(evaluator: Evaluator, theirs: Path, place: str) -> None:
    option = ("--eval-cache", str(named("--eval-cache", theirs)))
    words = {"behind": ("evals", *option), "before": (*option, "evals"), "with =": ("evals", "=".join(option))}
    variables = {} if place in words else {"PYTEST_ADDOPTS": " ".join(option)}
    run = evaluator.run(*words.get(place, ("evals",)), *DEV, bare=True, **variables)
    assert run.code == 0, run.out
    assert run.out.count("test_example[") == 20
    assert not ran(theirs)


def test_settings_in_a_common_ancestor_are_no_ones(evaluator: Evaluator, theirs: Path) -> None:
    for folder in ("mine", "cache"):
        (theirs / folder).mkdir()
    (theirs / "mine" / "pytest.ini").write_text("[pytest]\n")
    words = ("--pyargs", "evals", "--eval-cache", "../cache", *DEV)
    run = evaluator.run(*words, bare=True, cwd=theirs / "mine")
    assert run.code == 0, run.out
    assert run.out.count("test_example[") == 20
    assert not ran(theirs)


@pytest.mark.slow
def test_settings_in_a_common_ancestor_of_a_checkout_are_no_ones(evaluator: Evaluator, theirs: Path) -> None:
    """The suites are named by path there, and a folder beside the checkout by an option."""
    (theirs / "mine").mkdir()
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, theirs / "mine")
    for name in ("evals", "judges", "papillon", "fixtures"):
        shutil.copytree(ROOT / name, theirs / "mine" / name)
    (theirs / "cache").mkdir()
    run = evaluator.run("evals", "--eval-cache", "../cache", *DEV, bare=True, cwd=theirs / "mine")
    assert run.code == 0, run.out
    assert run.out.count("test_example[") == 20
    assert not ran(theirs)


@pytest.mark.slow
@alone_and_with_workers
def test_an_evaluation_takes_place_whatever_lies_beside_its_cache(
    evaluator: Evaluator, server: ModelServer, theirs: Path, workers: tuple[str, ...]
) -> None:
    evaluator.cache = named("--eval-cache", theirs)
    results = evaluator.folder / "results.json"
    run = evaluator.run(
        *("--eval-cache", str(evaluator.cache), "--eval-profile", str(evaluator.profile(server.base)), *workers),
        *("evals", "-m", "dev", "--eval-limit", "2", "--eval-runs", "none", "--eval-results", str(results)),
        bare=True,
    )
    assert run.code == 0, run.out
    assert len(json.loads(results.read_text())["rows"]) == 2
    assert not ran(theirs)


@pytest.mark.slow
def test_without_entry_points_nothing_beside_an_options_value_is_read_either(
    evaluator: Evaluator, theirs: Path
) -> None:
    value = str(named("--eval-cache", theirs))
    for words in (("evals", "--eval-cache", value), ("--eval-cache", value, "evals")):
        run = evaluator.run(*words, *DEV, bare=True, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        assert run.code == 0, run.out
        assert not ran(theirs)


@pytest.mark.slow
def test_a_training_takes_the_profile_that_is_typed_behind_its_option(evaluator: Evaluator, theirs: Path) -> None:
    profile = evaluator.profile("http://127.0.0.1:9").rename(theirs / "mine.toml")
    run = evaluator.run("-m", "gpu", "--eval-profile", str(profile), "--collect-only", "-q", bare=True)
    assert run.code == 0, run.out
    assert "test_smoke_training" in run.out
    assert not ran(theirs)


class TestWhatIsNotTyped:
    """What a program hands to pytest, or a file of arguments, is not joined; then the settings are refused."""

    @pytest.fixture
    def theirs(self, tmp_path: Path) -> Path:
        """Settings that run nothing before a plugin is loaded."""
        return stranger(tmp_path / "theirs", "[pytest]\naddopts = --collect-only\n")

    def test_a_programs_words(self, evaluator: Evaluator, theirs: Path) -> None:
        value = named("--eval-cache", theirs)
        program = f"import pytest; raise SystemExit(pytest.main(['--eval-cache', {str(value)!r}, {EVALS!r}]))"
        words, kept = [sys.executable, "-c", program], evaluator.environment()
        done = subprocess.run(words, env=kept, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 4, done.stdout
        assert done.stderr == (
            f"ERROR: --eval-cache {value}: pytest took the value for a path to tests and {theirs} for the project's "
            f"root; type --eval-cache={value}\n\n"
        )
        assert not ran(theirs)

    @pytest.mark.slow
    @pytest.mark.parametrize("added", ["--help", "--version --version", "--co", "--fixtures"])
    def test_settings_that_run_nothing_are_refused(self, evaluator: Evaluator, theirs: Path, added: str) -> None:
        value = named("--eval-cache", theirs)
        (theirs / "pytest.ini").write_text(f"[pytest]\naddopts = {added}\n")
        words = evaluator.folder / "words.txt"
        words.write_text(f"--eval-cache\n{value}\n{EVALS}\n")
        run = evaluator.run(f"@{words}", bare=True)
        assert run.code == 4, run.out
        assert (
            f"Expected {ROOT} as the project's root; pytest took an option's value for a path to tests and {theirs} "
            "for the root; write every option and its value as one word, OPTION=VALUE\n"
        ) in run.out
        assert not ran(theirs)

    @pytest.mark.slow
    @pytest.mark.parametrize("off", ["", "1"], ids=["with entry points", "without"])
    def test_a_conftest_is_not_read_where_the_settings_are_right(
        self, evaluator: Evaluator, theirs: Path, off: str
    ) -> None:
        (theirs / "pytest.ini").unlink()
        words = evaluator.folder / "words.txt"
        words.write_text(f"{EVALS}\n--eval-cache\n{named('--eval-cache', theirs)}\n")
        run = evaluator.run(f"@{words}", *DEV, bare=True, PYTEST_DISABLE_PLUGIN_AUTOLOAD=off)
        assert run.code == 0, run.out
        assert not ran(theirs)

    @pytest.mark.slow
    def test_another_plugins_option_is_named_too(self, evaluator: Evaluator, theirs: Path) -> None:
        value = named("--eval-cache", theirs)
        run = evaluator.run("--rsyncdir", str(value), EVALS, bare=True)
        assert run.code == 4, run.out
        assert f"--rsyncdir {value}: pytest took the value for a path to tests and {theirs} for " in run.out
        assert not ran(theirs)
