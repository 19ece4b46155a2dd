"""Strangers' folders: whatever an option's value names, pytest's settings and code come from elsewhere, or none do.

pytest looks for both before it knows any plugin's options, and takes what is typed behind one for a path to tests.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evals.harness.option_group import OPTIONS
from papillon.project import ROOT
from tests.harness.runs import EvalRun, Evaluator
from tests.harness.strangers import ran, refusal, stranger

EVALS = str(ROOT / "evals")
TAKES_A_PATH = [
    option.flag for option in OPTIONS if option.metavar and any(m in option.metavar for m in ("FILE", "DIR", "PATH"))
]
PLUGIN = ("-p", "evals.harness.plugin")
DEV = ("-m", "dev", "--collect-only", "-q")
WITHOUT_ENTRY_POINTS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return stranger(tmp_path / "theirs")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.mark.slow
@pytest.mark.parametrize("flag", TAKES_A_PATH)
def test_settings_beside_an_options_value_are_refused(
    evaluator: Evaluator, theirs: Path, elsewhere: Path, flag: str
) -> None:
    value = theirs / "named"
    value.write_text("")
    run = evaluator.run("--pyargs", "evals", "-m", "dev", flag, str(value), bare=True, cwd=elsewhere)
    assert run.code == 4, run.out
    assert run.out.endswith(f"ERROR: {refusal(flag, value, theirs)}\n")
    assert not ran(theirs)


@pytest.mark.parametrize("environment", [{}, WITHOUT_ENTRY_POINTS], ids=["with entry points", "without"])
class TestInACheckout:
    def test_behind_the_suites_an_options_value_is_no_path_to_a_conftest(
        self, evaluator: Evaluator, theirs: Path, environment: dict[str, str]
    ) -> None:
        run = evaluator.run("evals", "--eval-cache", str(theirs / "cache"), *DEV, bare=True, **environment)
        assert run.code == 0, run.out
        assert run.out.count("test_example[") == 20
        assert not ran(theirs)

    @pytest.mark.slow
    def test_before_the_suites_its_settings_are_refused(
        self, evaluator: Evaluator, theirs: Path, environment: dict[str, str]
    ) -> None:
        words = (*(PLUGIN if environment else ()), "--eval-cache", str(theirs / "cache"), "evals", "-m", "dev")
        run = evaluator.run(*words, bare=True, **environment)
        assert run.code == 4, run.out
        assert refusal("--eval-cache", theirs / "cache", theirs) in run.out
        assert not ran(theirs)

    @pytest.mark.slow
    def test_with_an_equals_sign_nothing_is_taken_for_a_path(
        self, evaluator: Evaluator, theirs: Path, environment: dict[str, str]
    ) -> None:
        run = evaluator.run(f"--eval-cache={theirs / 'cache'}", "evals", *DEV, bare=True, **environment)
        assert run.code == 0, run.out
        assert not ran(theirs)

    @pytest.mark.slow
    def test_settings_that_switch_entry_points_off_are_refused_too(
        self, evaluator: Evaluator, theirs: Path, environment: dict[str, str]
    ) -> None:
        (theirs / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload --collect-only\n")
        (theirs / "conftest.py").unlink()
        run = evaluator.run("--eval-cache", str(theirs / "cache"), "evals", bare=True, **environment)
        assert run.code == 4, run.out
        assert refusal("--eval-cache", theirs / "cache", theirs) in run.out


@pytest.mark.slow
@pytest.mark.parametrize("added", ["--collect-only", "--help", "--version --version", "--fixtures"])
def test_settings_of_a_common_ancestor_that_run_nothing_are_no_success(
    evaluator: Evaluator, tmp_path: Path, added: str
) -> None:
    theirs = stranger(tmp_path / "theirs", added)
    (theirs / "mine").mkdir()
    (theirs / "mine" / "pytest.ini").write_text("[pytest]\n")
    words = ("--pyargs", "evals", "-m", "dev", "--eval-cache", "../cache")
    run = evaluator.run(*words, bare=True, cwd=theirs / "mine")
    assert run.code == 4, run.out
    assert refusal("--eval-cache", "../cache", theirs) in run.out
    assert not ran(theirs)


@pytest.mark.slow
def test_settings_of_a_common_ancestor_of_a_checkout_are_not_read(evaluator: Evaluator, theirs: Path) -> None:
    """The suites are named by path there, and a folder beside the checkout by an option."""
    (theirs / "mine").mkdir()
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, theirs / "mine")
    for name in ("evals", "judges", "papillon", "fixtures"):
        shutil.copytree(ROOT / name, theirs / "mine" / name)
    run = evaluator.run("evals", "--eval-cache", "../cache", *DEV, bare=True, cwd=theirs / "mine")
    assert run.code == 4, run.out
    assert refusal("--eval-cache", "../cache", theirs) in run.out
    run = evaluator.run("evals", "--eval-cache=../cache", *DEV, bare=True, cwd=theirs / "mine")
    assert run.code == 0, run.out
    assert run.out.count("test_example[") == 20
    assert not ran(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["variable", "file", "program"])
def test_however_the_words_come(evaluator: Evaluator, theirs: Path, elsewhere: Path, how: str) -> None:
    value = theirs / "cache"
    if how == "variable":
        run = evaluator.run("--pyargs", "evals", bare=True, cwd=elsewhere, PYTEST_ADDOPTS=f"--eval-cache {value}")
        code, said = run.code, run.out
    elif how == "file":
        (elsewhere / "words").write_text(f"--eval-cache\n{value}\n{EVALS}\n")
        run = evaluator.run("@words", bare=True, cwd=elsewhere)
        code, said = run.code, run.out
    else:
        program = f"import pytest; raise SystemExit(pytest.main(['--eval-cache', {str(value)!r}, {EVALS!r}]))"
        words, kept = [sys.executable, "-c", program], evaluator.environment()
        done = subprocess.run(words, env=kept, capture_output=True, text=True, timeout=60, check=False)
        code, said = done.returncode, done.stderr
    assert code == 4, said
    assert said.endswith(f"ERROR: {refusal('--eval-cache', value, theirs)}\n")
    assert not ran(theirs)


@pytest.mark.slow
def test_another_plugins_option_is_named_too(evaluator: Evaluator, theirs: Path) -> None:
    run = evaluator.run("--rsyncdir", str(theirs / "cache"), EVALS, bare=True)
    assert run.code == 4, run.out
    assert refusal("--rsyncdir", theirs / "cache", theirs) in run.out
    assert not ran(theirs)


@pytest.mark.slow
class TestSettingsThatNameAPlugin:
    """The plugin of this project is loaded behind those that the settings name."""

    def run(self, evaluator: Evaluator, folder: Path, theirs: Path, *words: str) -> EvalRun:
        command = (*words, "--pyargs", "evals", "-m", "dev", "--eval-cache", str(theirs / "cache"))
        return evaluator.run(*command, bare=True, cwd=folder)

    def test_a_file_beside_them_is_none(self, evaluator: Evaluator, tmp_path: Path, elsewhere: Path) -> None:
        theirs = stranger(tmp_path / "theirs", "-p evil --collect-only")
        run = self.run(evaluator, elsewhere, theirs)
        assert run.code == 4, run.out
        assert 'Error importing plugin "evil"' in run.out
        assert not ran(theirs)

    def test_without_ours_it_is_no_success(self, evaluator: Evaluator, tmp_path: Path, elsewhere: Path) -> None:
        theirs = stranger(tmp_path / "theirs", "-p no:evals.harness.plugin --collect-only")
        run = self.run(evaluator, elsewhere, theirs)
        assert run.code == 4, run.out
        assert "unrecognized arguments: --eval-cache" in run.out

    @pytest.mark.parametrize("added", ["-p no:evals.harness.plugin", "--disable-plugin-autoload"])
    def test_ours_is_loaded_whatever_they_say_where_it_is_typed(
        self, evaluator: Evaluator, tmp_path: Path, elsewhere: Path, added: str
    ) -> None:
        theirs = stranger(tmp_path / "theirs", f"{added} --help")
        run = self.run(evaluator, elsewhere, theirs, *PLUGIN)
        assert run.code == 4, run.out
        assert refusal("--eval-cache", theirs / "cache", theirs) in run.out
        assert not ran(theirs)

    @pytest.mark.xfail(reason="pytest follows such settings before it loads any plugin of an installed package")
    @pytest.mark.parametrize(
        ("addopts", "more"),
        [("-p evil", "pythonpath = .\n"), ("-p no:evals.harness.plugin", ""), ("--disable-plugin-autoload", "")],
        ids=["pythonpath", "no plugin", "no entry points"],
    )
    def test_what_is_left(self, evaluator: Evaluator, tmp_path: Path, elsewhere: Path, addopts: str, more: str) -> None:
        """docs/guides/your-own.md says so; where one of these passes, it may promise more."""
        theirs = stranger(tmp_path / "theirs", addopts, more)
        self.run(evaluator, elsewhere, theirs)
        assert not ran(theirs)
