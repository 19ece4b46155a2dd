"""The profile small as it ships, against a stand-in for the hub with tiny models in it; demo with files at paths."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from papillon.models.providers import identity_of
from papillon.profile import ROOT, load_profile
from tests.harness.runs import EvalRun, Evaluator
from tests.hub import Hub, hub
from tests.test_documents import files
from tests.tiny_gguf import write_tiny

ROLES = ("local", "untrusted", "judge")


def shipped(name: str) -> dict[str, Any]:
    profiles = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["papillon"]["profiles"]
    found: dict[str, Any] = profiles[name]
    return found


def as_toml(table: dict[str, Any], heading: str = "") -> str:
    """A profile's table as the text of a file."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in inner]
    for key, value in inner.items():
        name = f"{heading}.{key}" if heading else key
        lines.append(f"[{name}]\n{as_toml(value, name)}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Small:
    """The profile in a file, with the sha256 of what the stand-in serves, and the stand-in."""

    folder: Path
    profile: Path
    hub: Hub

    def evaluate(self, *more: str, home: str = "home") -> EvalRun:
        """A run on dev; the hub's own files go to the folder ``home``."""
        asked = ("evals", "-m", "dev", f"--eval-profile={self.profile}", *more)
        environment = {"HF_ENDPOINT": self.hub.address, "HF_HOME": str(self.folder / home)}
        return Evaluator(self.folder).run(*asked, timeout=600, **environment)

    def sent(self) -> list[str]:
        """The names of the files that the hub sent, sorted."""
        return sorted(each.rpartition("/")[2] for each in self.hub.requests if each.startswith("GET "))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    profile = shipped("small")
    served, repositories = {}, {}
    for role in ROLES:
        repository, _, name = profile[role]["model"].removeprefix("gguf/").rpartition("/")
        seed = int("1.5B" in repository)
        served[name] = write_tiny(tmp_path / name, seed=seed, context=32_768).read_bytes()
        repositories[repository] = profile[role]["revision"]
        profile[role] |= {"sha256": hashlib.sha256(served[name]).hexdigest(), "max_tokens": 48}
    path = tmp_path / "small.toml"
    path.write_text(as_toml(profile))
    with hub(served, repositories) as standing:
        yield Small(tmp_path, path, standing)


def test_the_guides_profile_with_paths_asks_the_calls_of_demo(tmp_path: Path) -> None:
    (here := tmp_path / "demo-here.toml").write_text(files("docs/guides/small-models.md")["demo-here.toml"])
    with_paths, demo = (load_profile(name) for name in (str(here), "demo"))
    assert (with_paths.dataset, with_paths.split, with_paths.controls) == (demo.dataset, demo.split, demo.controls)
    assert demo.judge.model is not None
    assert with_paths.judge.model is not None
    assert identity_of(with_paths.judge.model) == identity_of(demo.judge.model)
    assert {role: identity_of(each) for role, each in with_paths.models.items()} == {
        role: identity_of(each) for role, each in demo.models.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "dataset",
    [
        "mini",
        pytest.param(
            "pupa_new",
            marks=pytest.mark.skipif(
                not os.environ.get("PUPA_DIR"), reason="PUPA_DIR names no folder with PUPA's files."
            ),
        ),
    ],
)
def test_small_fetches_each_file_once_and_a_replay_needs_none(small: Small, dataset: str) -> None:
    asked = (f"--eval-dataset={dataset}", "--eval-limit=2")
    run = small.evaluate(*asked)
    assert small.sent() == ["qwen2.5-0.5b-instruct-q4_k_m.gguf", "qwen2.5-1.5b-instruct-q4_k_m.gguf"]
    assert "Fetching qwen2.5-0.5b-instruct-q4_k_m.gguf in Qwen/Qwen2.5-0.5B-Instruct-GGUF at 9217f5db" in run.out
    assert {row["status"] for row in run.rows} <= {"scored", "program_error"}, run.out
    assert run.verdicts().keys() == {"dev-errors", "dev-overall", "dev-leakage"}
    told = " ".join(run.out.split())
    assert re.search(r"/qwen2\.5-0\.5b-instruct-q4_k_m\.gguf \(sha256 [0-9a-f]{12}\) as local;", told)
    assert re.search(r"/qwen2\.5-1\.5b-instruct-q4_k_m\.gguf \(sha256 [0-9a-f]{12}\) as untrusted and judge\.", told)
    small.hub.requests.clear()
    again = small.evaluate(*asked, "--eval-record=none", home="nothing")
    assert again.same() == run.same()
    assert (again.calls["made"], small.hub.requests) == (0, [])


@pytest.mark.slow
def test_another_file_under_the_name_is_refused_by_its_sha256(small: Small, tmp_path: Path) -> None:
    for name in small.hub.files:
        small.hub.files[name] = write_tiny(tmp_path / "other.gguf", seed=7).read_bytes()
    run = small.evaluate("--eval-limit=1")
    assert run.code == 1
    (error,) = {row["error"] for row in run.rows}
    assert re.match(
        r"Expected the sha256 [0-9a-f]{64} of .*qwen2\.5-0\.5b-instruct-q4_k_m\.gguf, as the profile has it for .*, "
        r"got [0-9a-f]{64}; fetch the file again, or correct sha256\.$",
        error,
    )
