"""Workflows as a test runs them: the jobs' own commands, in a copy of the project, with stand-ins for what is GitHub's.

A small runner: commands run as GitHub runs them, artefacts are folders, and what an expression stands for is the test's
to say.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from papillon.profile import ROOT

__all__ = ["BASH", "WORKFLOWS", "Runner", "copy_of_the_project", "read_workflow"]

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: How a job whose shell is bash runs a command.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
SET_UP = "make .venv/.ready"

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def read_workflow(name: str) -> dict[str, Any]:
    """A workflow; its ``on`` stands under that name."""
    data = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in data.items()}


def copy_of_the_project(folder: Path) -> Path:
    """The files that git knows, as they are now, with this environment; skips where there is no git."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("The project is copied by what git knows of it, and this is no clone.")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    # By path, and not a link to all of it: what a job writes there would reach this environment.
    (folder / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (folder / ".venv" / "bin" / "python").chmod(0o755)
    return folder


@dataclass
class Runner:
    """One run of a workflow: each job begins in a copy of the project of its own, and artefacts go between them.

    ``said`` is what the commands printed, ``page`` what stands on the jobs' pages.
    """

    workflow: str
    folder: Path
    #: What stands for an expression in an ``env``, by its text.
    expressions: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    page: str = ""

    def job(self, name: str, checks_out: bool = True, **expressions: str) -> int:
        """Run one job; its exit status."""
        data = read_workflow(self.workflow)
        place = self.folder / f"{name}-{len(list(self.folder.iterdir()))}"
        place.mkdir()
        copy_of_the_project(place) if checks_out else None
        status = 0
        for step in data["jobs"][name]["steps"]:
            goes_on = "!cancelled()" in str(step.get("if", "")).replace(" ", "")
            if status and not goes_on:
                continue
            done = self._step(step, place, {**data.get("env", {}), **data["jobs"][name].get("env", {})}, expressions)
            status = status or (0 if step.get("continue-on-error") else done)
        return status

    def artefact(self, name: str) -> Path:
        return self.folder.parent / "artefacts" / name

    def _step(self, step: dict[str, Any], place: Path, shared: Mapping[str, Any], own: Mapping[str, str]) -> int:
        action, given = step.get("uses", "").partition("@")[0], step.get("with", {})
        if action == "actions/upload-artifact":
            if (place / given["path"]).exists():
                shutil.copytree(place / given["path"], self.artefact(self._meant(given["name"], own)))
            return 0
        if action == "actions/download-artifact":
            found = list((self.folder.parent / "artefacts").glob(given.get("pattern", given.get("name"))))
            for each in found:
                shutil.copytree(each, place / given["path"], dirs_exist_ok=True)
            return 0 if found else 1
        if action or step["run"].strip() == SET_UP:
            return 0
        variables = {name: self._meant(str(value), own) for name, value in {**shared, **step.get("env", {})}.items()}
        page = place.with_suffix(".page")
        page.touch()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "PUPA_DIR") if name in os.environ}
        github = {
            "GITHUB_STEP_SUMMARY": str(page),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_RUN_ID": "7",
            "CI": "true",
        }
        done = subprocess.run(
            [*BASH, step["run"]],
            cwd=place,
            env={**kept, **github, **variables, **self.environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.said += done.stdout + done.stderr
        self.page += page.read_text(encoding="utf-8")
        page.unlink()
        return done.returncode

    def _meant(self, text: str, own: Mapping[str, str]) -> str:
        return _EXPRESSION.sub(lambda found: {**self.expressions, **own}[found[1]], text)
