"""What pytest loads in every project: the plugin, or nothing where the project has a package ``evals`` of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from papillon import pytest_entry
from papillon.project import PACKAGES


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # As an entry point is loaded, also where this environment was made with another.
    code = (
        "import sys, pytest, papillon.pytest_entry as entry\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        "sys.exit(pytest.main(sys.argv[1:], plugins=[entry.plugin]))"
    )
    own = ("-p", "no:evals.harness.plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-c", code, *own, *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_it_is_the_suites_plugin(tmp_path: Path) -> None:
    from evals.harness import plugin

    assert pytest_entry.plugin is plugin
    assert pytest_entry.hiding(tmp_path, PACKAGES) is None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        pytest_entry.nonsense  # noqa: B018


def test_a_folder_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    assert pytest_entry.hiding(tmp_path) is None


class TestAProjectWithAPackageEvals:
    @pytest.fixture
    def theirs(self, tmp_path: Path) -> Path:
        (tmp_path / "evals").mkdir()
        (tmp_path / "evals" / "__init__.py").write_text("")
        (tmp_path / "evals" / "metric.py").write_text("good = True\n")
        (tmp_path / "evals" / "test_own.py").write_text(
            "from evals.metric import good\ndef test_own():\n    assert good\n"
        )
        return tmp_path

    def test_its_tests_are_run_as_if_nothing_were_installed(self, theirs: Path) -> None:
        done = run(theirs, "-q")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 passed" in done.stdout

    def test_a_package_judges_is_in_the_way_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "judges").mkdir()
        (tmp_path / "judges" / "__init__.py").touch()
        assert pytest_entry.hiding(tmp_path) == tmp_path / "judges"

    @pytest.mark.parametrize("option", ["--eval-limit=3", "--full-train"])
    def test_an_option_of_an_evaluation_says_what_is_in_the_way(self, theirs: Path, option: str) -> None:
        done = run(theirs, "--pyargs", "evals", option)
        assert done.returncode == 4
        assert done.stderr == (
            f"{option.partition('=')[0]}: expected no other package evals, but {theirs}/evals hides the suites' "
            "own of that name; rename it, or evaluate from a folder elsewhere.\n"
        )
