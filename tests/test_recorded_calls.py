"""The recorded calls in fixtures/: what the profiles embedded and demo ask; every pull request is judged by them."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import mean
from typing import Any

import pytest

from papillon.data import load
from papillon.models.providers import identity_of
from papillon.profile import ROOT, load_profile
from tests.harness.runs import Evaluator

RECORDED = ROOT / "fixtures" / "recorded"
CALLS, DEMO = RECORDED / "embedded-mini.jsonl.gz", RECORDED / "demo-mini.jsonl.gz"
SMALL = 500_000
#: Rows of one part of mini.
PART = len(load("mini").rows) // 3


@pytest.mark.parametrize(("calls", "profile"), [(CALLS, "embedded"), (DEMO, "demo")], ids=["embedded", "demo"])
def test_they_are_small_and_of_the_profiles_models(calls: Path, profile: str) -> None:
    assert calls.stat().st_size < SMALL
    with gzip.open(calls, "rt", encoding="utf-8") as file:
        recorded = [json.loads(line)["record"]["call"] for line in file]
    models = load_profile(profile).models.values()
    assert {call["model"] for call in recorded} == {identity_of(each)["model"] for each in models}


@pytest.mark.slow
@pytest.mark.parametrize("split", ["dev", "test"])
def test_they_are_all_that_a_strict_replay_needs(tmp_path: Path, split: str) -> None:
    evaluator = Evaluator(tmp_path)
    run = evaluator.run("evals", "-m", split, "--eval-record", "none", "--eval-import", str(CALLS))
    assert run.code == 0, run.out
    assert (run.calls["made"], len(run.rows)) == (0, PART)


def make_demo(folder: Path, *more: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """``make demo`` where there is no model's file, no key and no network, and the results that it leaves."""
    arguments = [f"--eval-{name}={folder / name}" for name in ("cache", "runs", "report", "results")]
    environment = {name: each for name, each in os.environ.items() if not name.startswith(("PAPILLON_", "OPENAI_"))}
    done = subprocess.run(
        # The environment of this very test, which needs no setting up.
        ["make", "-o", f"{sys.prefix}/.ready", "demo", f"VENV={sys.prefix}", f"ARGS={shlex.join([*arguments, *more])}"],
        cwd=ROOT,
        env={**environment, "HF_HOME": str(folder / "nothing"), "HF_HUB_OFFLINE": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    results = folder / "results"
    return done, json.loads(results.read_text()) if results.exists() else {}


def spent() -> float:
    """Seconds of processor time that the processes of this one have taken so far."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.slow
def test_make_demo_replays_all_with_controls_gates_and_a_page(tmp_path: Path) -> None:
    before = spent()
    done, results = make_demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\nThe run as a page, private: {tmp_path / 'report'}\n" in done.stdout
    assert "<html" in (tmp_path / "report").read_text("utf-8")[:2000]
    assert (results["run"]["calls"]["made"], len(results["rows"])) == (0, 2 * PART)
    assert mean(row["quality"] for row in results["rows"]) > 0
    assert {control["verdict"] for control in results["controls"]} == {"pass"}
    assert len(results["controls"]) == 10
    compared = [gate for gate in results["gates"] if gate["kind"] == "regression"]
    assert {(gate["split"], gate["metric"]) for gate in compared} == {
        (split, metric) for split in ("dev", "test") for metric in ("quality", "leakage")
    }
    assert {gate["verdict"] for gate in results["gates"]} == {"pass"}
    # Of one process: alone on a machine the run takes no longer.
    assert spent() - before < 10


@pytest.mark.slow
def test_the_small_judges_answers_are_recorded_too(tmp_path: Path) -> None:
    """Whether it passes its controls is the judge's matter; nothing is asked."""
    done, results = make_demo(tmp_path, "--eval-judge=llm")
    assert results["run"]["calls"]["made"] == 0, done.stdout + done.stderr
    assert "is not recorded" not in done.stdout
    assert {row["status"] for row in results["rows"]} <= {"scored", "program_error"}
    assert len(results["controls"]) == 10
    assert all(control["judge_leakage"] is not None for control in results["controls"])
