"""Hostile texts: whatever a server, a profile, a data set or a program says, no sign of it acts on who reads."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.runs import Evaluator
from tests.model_server import Failure, ModelServer
from tests.papillon.results.samples import ROW, result

#: It clears the screen, sets the title, colours by a C1 sign, turns what follows around, and begins a line of its own.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066\u061c"


def acting(text: str) -> set[str]:
    """The signs of a text that act on a terminal, or turn around what stands there."""
    return {sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")}


def refused(body: dict[str, Any], number: int) -> Failure | None:
    """Every second call is refused, in words that would act."""
    if number % 2:
        return None
    return 400, {"content-type": "application/json"}, json.dumps({"error": {"message": f"no {HOSTILE} such"}})


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A data set whose file, queries and categories would act."""
    file = tmp_path / f"rows{HOSTILE}.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        write = csv.writer(out)
        write.writerow(["user_query", "target_response", "pii_units", "predicted_category"])
        for number in range(12):
            name = f"Ann{number}"
            write.writerow([f"Who is {name} {HOSTILE}?", f"{name}{HOSTILE}.", name, f"kind{number % 3}{HOSTILE}"])
    return file


def profile(evaluator: Evaluator, base: str, rows: Path) -> Path:
    """A profile whose file and model names would act."""
    made = evaluator.profile(
        base,
        dataset=json.dumps(str(rows)),
        untrusted=f'{{ model = {json.dumps(f"openai/{HOSTILE}")}, api_base = "{base}", endpoint = "here" }}',
    )
    return made.rename(made.with_name(f"mine{HOSTILE}.toml"))


def papillon(*words: str, cwd: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "papillon", *words],
        cwd=cwd,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
def test_of_a_run_and_of_what_shows_it(evaluator: Evaluator, rows: Path, tmp_path: Path) -> None:
    summary, junit = evaluator.folder / "summary.md", evaluator.folder / "junit.xml"
    with ModelServer(failing=refused) as server:
        run = evaluator.run(
            *("evals", "-m", "dev", f"--eval-profile={profile(evaluator, server.base, rows)}", "-v", "-rA"),
            *("--color=no", f"--eval-summary={summary}", f"--junitxml={junit}", "--eval-show-text"),
        )
    assert run.code == 1
    assert "mine\\x1b[2J" in run.out
    assert "refused the call with status 400" in junit.read_text()
    for text in (run.out, summary.read_text(), junit.read_text()):
        assert not acting(text)
    runs, row = ("--runs", str(evaluator.runs)), run.rows[0]["id"]
    for words in (
        ("show", *runs),
        ("show", "last", row, *runs),
        ("runs", *runs),
        ("history", *runs),
        ("compare", *runs),
        ("report", *runs),
        ("label", "--terminal", "--out", str(tmp_path / "labels.jsonl"), *runs),
        ("cache", "check", str(evaluator.cache)),
    ):
        done = papillon(*words, cwd=tmp_path, typed="q\n")
        assert done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert not acting(done.stdout + done.stderr), words


@pytest.mark.slow
def test_of_what_is_asked(evaluator: Evaluator, rows: Path, tmp_path: Path) -> None:
    program = tmp_path / f"program{HOSTILE}.json"
    program.write_text(json.dumps({HOSTILE: {"signature": {"instructions": HOSTILE}}, "metadata": {}}))
    with ModelServer() as server:
        own = ("--profile", str(profile(evaluator, server.base, rows)))
        for words, said in (
            (("ask", f"Who is Ann {HOSTILE}?", *own), "The answer to your query"),
            (("ask", "Who is Ann?", *own, "--program", str(program)), "papillon ask: "),
            (("annotate", str(rows), "--out", str(tmp_path / "out.csv"), "--terminal", *own), "Private? "),
            (("data", str(rows)), "kind1\\x1b[2J"),
            (("data", str(program)), "papillon data: "),
            (("ask", "Who is Ann?", "--profile", HOSTILE), "papillon ask: "),
            (("show", HOSTILE), "papillon show: "),
            ((HOSTILE,), "papillon: "),
        ):
            done = papillon(*words, cwd=tmp_path, typed="q\n")
            assert said in done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert not acting(done.stdout + done.stderr), words


@pytest.mark.slow
def test_of_a_strangers_results(tmp_path: Path) -> None:
    """Every text of a results file, all at once, but for those that it must have so to be one."""
    lost = replace(ROW, id="dev-0001", status="infrastructure_error", error="No answer", category="kind", leaked=None)
    found = json.loads(result(ROW, lost, remarks=("Said",), problems=("Wrong",)).to_text())
    kept = (
        "status",
        "verdict",
        "kind",
        "metric",
        "split",
        "script",
        "started",
        "finished",
        "record",
        "sha256",
        "judge",
    )

    def owned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: owned(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [owned(each, key) for each in value]
        return f"{value}{HOSTILE}\n29 passed" if isinstance(value, str) and key not in kept else value

    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(owned(found)))
    summary = tmp_path / "summary.md"
    for words in (
        ("show", "one/results.json"),
        ("show", "one/results.json", found["rows"][0]["id"]),
        ("compare", "one/results.json", "other/results.json", "--summary", str(summary)),
        ("history", "."),
        ("report", "one/results.json"),
    ):
        done = papillon(*words, cwd=tmp_path)
        assert done.returncode in (0, 1), done.stderr
        assert not acting(done.stdout + done.stderr), words
        assert "\n29 passed" not in done.stdout
    assert not acting(summary.read_text())
