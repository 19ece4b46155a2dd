"""What an import brings along, in a fresh interpreter: nothing heavy that was not asked for."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

from papillon.profile import ROOT

HEAVY = ("torch", "datasets", "pandas", "transformers", "vllm", "arbor", "xllamacpp", "litellm")
#: Of this project, what an evaluation alone takes.
OWN = ("papillon.profile", "papillon.results", "papillon.store", "evals.harness.options", "evals.harness.run")


def loaded(statement: str, names: tuple[str, ...]) -> list[str]:
    """Which of ``names`` a fresh interpreter has loaded after ``statement``."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        ("import papillon", (*HEAVY, "dspy", "numpy", "aiohttp", "pytest")),
        ("from papillon import PAPILLON, load, load_profile, to_dspy", (*HEAVY, "pytest")),
        ("from papillon import load; load('mini')", (*HEAVY, "dspy", "pyarrow")),
        ("import judges; judges.LexicalJudge()", (*HEAVY, "dspy")),
        # Every run of pytest in the environment imports the plugin, also one that evaluates nothing.
        ("import evals.harness.plugin", (*HEAVY, "dspy", "aiohttp", "numpy", "scipy", "judges", *OWN)),
        ("from papillon.__main__ import main", (*HEAVY, "dspy")),
        ("import evals.harness.reports.show", (*HEAVY, "dspy", "numpy", "aiohttp", "pytest")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_import_brings_nothing_heavy_along(statement: str, never: tuple[str, ...]) -> None:
    assert loaded(statement, never) == []


def test_what_is_loaded_can_be_seen() -> None:
    assert loaded("import xml.dom, csv", ("csv", "torch", "xml.dom")) == ["csv", "xml.dom"]


@pytest.mark.slow
@pytest.mark.parametrize("statement", ["import papillon", "from papillon import PAPILLON, load, load_profile"])
def test_importing_papillon_takes_hardly_longer_than_importing_dspy(statement: str) -> None:
    # Both as users have them, compiled, and in one process: from one to the next the machine's pace changes.
    compiling = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    script = (
        "from time import process_time as now\n"
        f"start = now(); import dspy; between = now(); {statement}; print((now() - start) / (between - start))"
    )

    def once() -> float:
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=compiling, capture_output=True, check=True, timeout=120
        )
        return float(done.stdout)

    once()
    assert statistics.median(once() for _ in range(5)) <= 1.2
