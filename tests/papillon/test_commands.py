"""Commands to type: with this interpreter, from this folder, with what chose the data."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from papillon.commands import data_at_hand, evaluation, launcher, seen_from
from papillon.profile import ROOT


def test_pytest_is_called_by_its_name_only_where_that_is_this_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
        for script in ("pytest", "python"):
            (tmp_path / name / "bin" / script).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "own" / "bin" / "python"))
    for path, words in {
        "own": ["pytest"],
        "other": ["own/bin/python", "-m", "pytest"],
        "none": ["own/bin/python", "-m", "pytest"],
    }.items():
        monkeypatch.setenv("PATH", str(tmp_path / path / "bin"))
        assert launcher(tmp_path) == words
    assert launcher(tmp_path / "own" / "bin") == ["./python", "-m", "pytest"]
    assert launcher(Path("/usr/share/doc")) == [str(tmp_path / "own" / "bin" / "python"), "-m", "pytest"]


def test_a_path_is_shown_as_it_lies_from_a_folder_or_whole_where_that_is_shorter() -> None:
    assert seen_from(ROOT, ROOT / "evals") == "evals"
    assert seen_from(ROOT / "tests" / "harness", ROOT / "evals") == "../../evals"
    assert seen_from(Path("/usr/share/doc"), Path("/etc")) == "/etc"


def test_a_programs_evaluation_names_the_profile_and_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("PUPA_DIR", raising=False)
    python = os.path.relpath(sys.executable, ROOT) if Path(sys.executable).is_relative_to(ROOT) else sys.executable
    common = [python, "-m", "pytest", "evals", "-m", "dev"]
    for dataset in ("mini", "pupa_new"):
        command = evaluation(tmp_path / "my program.json", "my own.toml", dataset)
        assert shlex.split(command) == [
            *common,
            "--eval-profile=my own.toml",
            "--eval-program",
            f"{tmp_path}/my program.json",
        ]
    assert shlex.split(evaluation(Path("p.json"), None, "mini")) == [*common, "--eval-program", "p.json"]
    monkeypatch.setenv("PUPA_DIR", "/some where")
    assert evaluation(Path("p.json"), None, "pupa_new").startswith(f"PUPA_DIR='/some where' {python} ")
    assert (data_at_hand("mini"), data_at_hand("pupa_tnb")) == ([], ["PUPA_DIR='/some where'"])
