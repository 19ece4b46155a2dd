"""Which folder a command takes for the project's root, and what lies there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from papillon.project import CHECKOUT, FIXTURES, PACKAGES, ROOT, SHIPPED, keep_out_of_git, project_of

OURS = '[tool.papillon]\ndefault-profile = "mine"\n'
ELSES = '[project]\nname = "else"\ndependencies = ["papillon-evals"]\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a folder two deep in it; nothing above it is a project."""
    (tmp_path / "own" / "src" / "deep").mkdir(parents=True)
    return tmp_path / "own"


class TestTheRoot:
    def test_it_is_the_nearest_pyproject_with_our_table(self, repository: Path) -> None:
        (repository / "pyproject.toml").write_text(OURS)
        (repository / "src" / "pyproject.toml").write_text(ELSES)
        (repository / "src" / ".git").mkdir()
        assert project_of(repository / "src" / "deep") == repository
        assert project_of(repository / "src" / "deep", checkout=Path("/checkout")) == repository

    def test_a_table_of_profiles_alone_counts(self, repository: Path) -> None:
        (repository / "pyproject.toml").write_text('[tool.papillon.profiles.mine]\ndataset = "mini"\n')
        assert project_of(repository / "src") == repository

    @pytest.mark.parametrize("mark", ["pyproject.toml", ".git"])
    def test_without_a_table_it_is_the_nearest_project_of_any_kind(self, repository: Path, mark: str) -> None:
        (repository / mark).write_text(ELSES if mark.endswith("toml") else "gitdir: elsewhere\n")
        assert project_of(repository / "src" / "deep") == repository

    def test_without_any_mark_it_is_the_folder_itself(self, repository: Path) -> None:
        assert project_of(repository / "src") == repository / "src"

    def test_code_that_runs_from_a_checkout_means_the_checkout_where_no_table_is_found(self, repository: Path) -> None:
        (repository / "pyproject.toml").write_text(ELSES)
        assert project_of(repository / "src", checkout=Path("/checkout")) == Path("/checkout")

    def test_a_pyproject_that_cannot_be_parsed_and_names_us_is_ours_to_complain_of(self, repository: Path) -> None:
        (repository / "pyproject.toml").write_text(OURS + "oh [no\n")
        assert project_of(repository) == repository

    @pytest.mark.parametrize("place", [".", "tests/harness", "evals"])
    def test_in_the_checkout_it_is_the_checkout_from_every_folder_of_it(self, place: str) -> None:
        assert CHECKOUT
        assert ROOT == PACKAGES == SHIPPED == FIXTURES.parent
        assert project_of(PACKAGES / place, checkout=PACKAGES) == PACKAGES

    def test_a_current_folder_that_is_gone_fails_no_import(self, tmp_path: Path) -> None:
        code = "import os; os.rmdir(os.getcwd()); import papillon.project as p; print(p.ROOT == p.PACKAGES)"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == "True\n"


class TestPrivateFolders:
    def test_git_ignores_those_of_a_users_project(self, tmp_path: Path) -> None:
        keep_out_of_git(tmp_path)
        assert not list(tmp_path.iterdir())
        (tmp_path / ".papillon").mkdir()
        keep_out_of_git(tmp_path)
        assert (tmp_path / ".papillon" / ".gitignore").read_text() == "*\n"

    def test_what_the_user_wrote_there_stays(self, tmp_path: Path) -> None:
        (tmp_path / ".papillon").mkdir()
        (tmp_path / ".papillon" / ".gitignore").write_text("cache/\n")
        keep_out_of_git(tmp_path)
        assert (tmp_path / ".papillon" / ".gitignore").read_text() == "cache/\n"
