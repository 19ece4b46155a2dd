"""docs/ci.md: its commands and its .gitlab-ci.yml do what it says of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from papillon.data import load
from papillon.profile import ROOT
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer
from tests.workflows import BASH, SET_UP, copy_of_the_project, read_workflow

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
RECORDED = "fixtures/recorded/embedded-mini.jsonl.gz"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def gitlab() -> dict[str, Any]:
    (text,) = blocks("yaml")
    return dict(yaml.safe_load(text))


class TestThePage:
    def test_names_every_workflow_and_the_variables_that_they_need(self) -> None:
        for path in (ROOT / ".github" / "workflows").glob("*.yml"):
            assert f"`{path.name}`" in PAGE
            for name in re.findall(r"(?:secrets|vars)\.(\w+)", path.read_text(encoding="utf-8")):
                assert f"`{name}`" in PAGE

    def test_names_the_file_of_recorded_calls_that_is_replayed(self) -> None:
        assert read_workflow("evaluation.yml")["env"]["CALLS"] == RECORDED
        assert f"`{RECORDED}`" in PAGE

    def test_the_jobs_of_gitlab_have_an_end_and_keep_no_text(self) -> None:
        data = gitlab()
        assert data["default"]["before_script"] == [SET_UP]
        for name in ("replay", "part", "whole"):
            job = data[name]
            assert job["stage"] in data["stages"]
            assert "timeout" in job
            assert set(job["artifacts"]["paths"]) <= {"out/results.json", "out/summary.md", "locked/"}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.mark.slow
class TestItsCommands:
    """Over a loopback server, since what the embedded model takes minutes for is recorded."""

    def copy(self, tmp_path: Path, name: str) -> Path:
        (tmp_path / name).mkdir()
        return copy_of_the_project(tmp_path / name)

    def profile(self, tmp_path: Path, server: ModelServer) -> Path:
        # What such a server answers is no score to gate, but for the judge and the harness.
        price = "price = { input = 0.1, output = 0.4 }, max_tokens = 64"
        model = f'api_base = "{server.base}", endpoint = "here", {price} }}'
        return Evaluator(tmp_path).profile(
            server.base,
            local=f'{{ model = "openai/local", {model}',
            untrusted=f'{{ model = "openai/untrusted", {model}',
            judge=f'{{ kind = "llm", model = "openai/judge", {model}',
        )

    def run(self, script: str, place: Path, **environment: object) -> str:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [*BASH, script.replace(f"{SET_UP}\n", "")],
            cwd=place,
            env={**kept, **{name: str(value) for name, value in environment.items()}},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def test_each_of_them_runs_as_it_stands_there(self, tmp_path: Path, server: ModelServer) -> None:
        leaves, records, any_ci = blocks("sh")
        place = self.copy(tmp_path, "here")
        profile = self.profile(tmp_path, server)
        (place / RECORDED).unlink()
        assert records.count(RECORDED) == 2
        first = self.run(records.replace(f"--eval-import {RECORDED}", ""), place, PAPILLON_PROFILE=profile)
        assert "calls made" in first
        made = server.calls
        assert "\n0 calls made, " in self.run(records, place, PAPILLON_PROFILE=profile)
        shutil.rmtree(place / ".papillon")
        for script in (any_ci, leaves):
            self.run(script, place, PAPILLON_PROFILE=profile)
            assert sorted(path.name for path in (place / "out").iterdir()) == [
                "junit.xml",
                "results.json",
                "summary.md",
            ]
            shutil.rmtree(place / "out")
        assert server.calls == made

    def test_gitlabs_jobs_replay_and_put_the_parts_together(self, tmp_path: Path, server: ModelServer) -> None:
        data = gitlab()
        shared = {**data["variables"], "DATASET": "mini", "LIVE": self.profile(tmp_path, server)}
        shared |= {"PAPILLON_CALLS_KEY": "long random text"}
        whole = self.copy(tmp_path, "whole")
        for part in ("1", "2"):
            place = self.copy(tmp_path, part)
            variables = {**shared, "CI_NODE_INDEX": part, "CI_NODE_TOTAL": "2"}
            self.run("\n".join(data["part"]["script"]), place, **variables)
            shutil.copytree(place / "locked", whole / "locked", dirs_exist_ok=True)
        made = server.calls
        self.run("\n".join(data["whole"]["script"]), whole, **shared)
        assert server.calls == made
        assert len(json.loads((whole / "out" / "results.json").read_text("utf-8"))["rows"]) == 40
        kept = "".join((whole / path).read_text("utf-8") for path in data["whole"]["artifacts"]["paths"])
        assert not any(row.user_query in kept for row in load("mini").rows)

    def test_gitlabs_merge_request_is_evaluated_by_replay(self, tmp_path: Path) -> None:
        data, place = gitlab(), self.copy(tmp_path, "here")
        self.run("\n".join(data["replay"]["script"]), place, **data["variables"])
        assert (place / "out" / "summary.md").read_text("utf-8").startswith("## PASS: ")
