"""Runs of pytest inside pytest: the suites as a user starts them, against a loopback model server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from papillon.profile import ROOT

__all__ = ["EvalRun", "Evaluator", "alone_and_with_workers", "await_rounds", "heeds_ctrl_c"]

#: For tests that take xdist's options as ``workers``.
alone_and_with_workers = pytest.mark.parametrize(
    "workers", [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="workers", marks=pytest.mark.slow)]
)


@dataclass(frozen=True)
class EvalRun:
    """What a run of pytest ended with."""

    code: int
    out: str
    results: dict[str, Any] | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert self.results is not None, self.out
        rows: list[dict[str, Any]] = self.results["rows"]
        return rows

    @property
    def calls(self) -> dict[str, int]:
        assert self.results is not None, self.out
        calls: dict[str, int] = self.results["run"]["calls"]
        return calls

    def verdicts(self) -> dict[str, str]:
        assert self.results is not None, self.out
        return {f"{gate['split']}-{gate['metric']}": gate["verdict"] for gate in self.results["gates"]}

    def same(self) -> str:
        """Rows and gates as text, without times: what must not depend on how the run was made."""
        assert self.results is not None, self.out
        rows = [{**row, "seconds": 0} for row in self.results["rows"]]
        return json.dumps([rows, self.results["gates"], self.results["controls"]], sort_keys=True)


def heeds_ctrl_c() -> None:
    """For ``preexec_fn``: a shell starts what runs in its background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def await_rounds(process: subprocess.Popen[Any], trainings: Path, *, rounds: int = 2, patience: float = 300) -> None:
    """Wait until a training in a folder of ``trainings`` has done so many rounds, while ``process`` goes on."""
    deadline = time.monotonic() + patience
    while not any(len(file.read_text().splitlines()) >= rounds for file in trainings.glob("*/metrics.jsonl")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)


class Evaluator:
    """Starts ``pytest`` in the project's root with a profile, cache, results file and place for runs of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache, self.runs = folder / "cache", folder / "runs"
        self._started: list[subprocess.Popen[str]] = []

    def profile(self, base: str, *, gates: str = "[gates.dev]\nquality = { min = 0.01 }\n", **changed: Any) -> Path:
        """Write a profile whose three models are served at ``base``; ``changed`` overrides its keys as TOML text."""
        keys = {
            "dataset": '"mini"',
            "concurrency": "8",
            "local": f'{{ model = "openai/local", api_base = "{base}", endpoint = "here" }}',
            "untrusted": f'{{ model = "openai/untrusted", api_base = "{base}", endpoint = "here" }}',
            "judge": f'{{ kind = "llm", model = "openai/judge", api_base = "{base}", endpoint = "here" }}',
        } | changed
        path = self.folder / "profile.toml"
        path.write_text("".join(f"{key} = {value}\n" for key, value in keys.items()) + gates)
        return path

    def command(self, *arguments: str) -> list[str]:
        # Without it there is no --sw; who wants it says where its files are to lie.
        cached = any("cache_dir" in argument for argument in arguments)
        return [
            *(sys.executable, "-m", "pytest"),
            *(() if cached else ("-p", "no:cacheprovider")),
            *arguments,
            *("--eval-runs", str(self.runs), "--eval-cache", str(self.cache)),
            *("--eval-results", str(self.folder / "results.json")),
        ]

    def environment(self, **changed: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPENAI_"))}
        kept.pop("PAPILLON_PROFILE", None)
        return {**kept, "COLUMNS": "120", **changed}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a run in a process group of its own, as a terminal would have it, and do not wait for it."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heeds_ctrl_c,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """End what a failed test left behind, which would fail whichever test it is found in."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def run(
        self, *arguments: str, cwd: Path = ROOT, timeout: float = 120, bare: bool = False, **environment: str
    ) -> EvalRun:
        """Run to the end; the results are None where none were written, as where ``bare`` leaves all options out."""
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments] if bare else self.command(*arguments),
            cwd=cwd,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        out = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        return EvalRun(done.returncode, out, json.loads(results.read_text()) if results.exists() else None)
