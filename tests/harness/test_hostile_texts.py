"""Hostile texts: whatever a server, a profile, a data set or a program says, no sign of it acts on who reads."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.runs import Evaluator
from tests.model_server import Failure, ModelServer

#: It clears the screen, sets the title, colours by a C1 sign, turns what follows around, and begins a line of its own.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066\u061c"


def acting(text: str) -> set[str]:
    """The signs of a text that act on a terminal, or turn around what stands there."""
    return {sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")}


def refused(body: dict[str, Any], number: int) -> Failure | None:
    """Every second call is refused, in words that would act."""
    if body["model"] == "untrusted" or number % 2:
        return None
    return 400, {"content-type": "application/json"}, json.dumps({"error": {"message": f"no {HOSTILE} such"}})


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(failing=refused) as server:
        yield server


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A data set whose file, columns and categories would act."""
    file = tmp_path / f"rows{HOSTILE}.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        write = csv.writer(out)
        write.writerow(["user_query", "target_response", "pii_units", "predicted_category", "conversation_hash"])
        for number in range(12):
            write.writerow(
                [
                    f"Who is Ann{number} {HOSTILE}?",
                    f"Ann{number}.",
                    f"Ann{number}",
                    f"kind{number % 3}{HOSTILE}",
                    number,
                ]
            )
    return file


@pytest.mark.slow
def test_of_a_whole_run(evaluator: Evaluator, server: ModelServer, rows: Path) -> None:
    judge = json.dumps(f"openai/judge{HOSTILE}").replace("\\u007f", "\x7f")
    profile = evaluator.profile(
        server.base,
        dataset=json.dumps(str(rows)),
        judge=f'{{ kind = "llm", model = {judge}, api_base = "{server.base}", endpoint = "here" }}',
        controls="true",
    )
    profile = profile.rename(profile.with_name(f"mine{HOSTILE}.toml"))
    summary, junit = evaluator.folder / "summary.md", evaluator.folder / "junit.xml"
    run = evaluator.run(
        *("evals", "-m", "dev or test", f"--eval-profile={profile}", "-v", "-rA", "--color=no"),
        *(f"--eval-summary={summary}", f"--junitxml={junit}", "-o", "junit_family=xunit2"),
    )
    print(run.out)
    print(summary.read_text())
    assert not acting(run.out)
    assert not acting(summary.read_text())
    assert not acting(junit.read_text())
    for words in (
        ("show",),
        ("runs",),
        ("history",),
        ("compare",),
        ("report",),
        ("cache", "check", str(evaluator.cache)),
    ):
        runs = () if words[0] == "cache" else ("--runs", str(evaluator.runs))
        done = subprocess.run(
            [sys.executable, "-m", "papillon", *words, *runs], capture_output=True, text=True, check=False, timeout=60
        )
        print(words, done.stdout + done.stderr)
        assert not acting(done.stdout + done.stderr), words
