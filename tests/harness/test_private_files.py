"""Private files: what holds texts is its owner's alone whatever the umask; results and Markdown follow the umask."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.runs import Evaluator
from tests.model_server import ModelServer


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(*places: Path) -> set[str]:
    """The modes of folders, as ``d700``, and of files, as ``-600``, at and below some places."""
    found = [path.lstat().st_mode for place in places for path in (place, *place.rglob("*"))]
    return {f"{'d' if stat.S_ISDIR(mode) else '-'}{stat.S_IMODE(mode):o}" for mode in found}


@pytest.mark.slow
@pytest.mark.parametrize(("mask", "asked"), [(0o000, "-666"), (0o027, "-640"), (0o077, "-600")])
def test_cache_runs_and_labels_are_private_and_what_was_asked_for_follows_the_umask(
    evaluator: Evaluator, tmp_path: Path, mask: int, asked: str
) -> None:
    while_running = set[str]()

    def answer(body: dict[str, Any]) -> None:
        while_running.update(modes(evaluator.cache, evaluator.runs))

    labels, summary, report = tmp_path / "labels", tmp_path / "summary.md", tmp_path / "run.html"
    with ModelServer(rule=answer) as server, umask(mask):
        run = evaluator.run(
            *("evals", "-m", "dev", f"--eval-profile={evaluator.profile(server.base)}", "--eval-limit=2"),
            *(f"--eval-summary={summary}", f"--eval-report={report}", f"--eval-export={tmp_path / 'calls.jsonl'}"),
        )
        words = ("label", "--terminal", f"--runs={evaluator.runs}", f"--out={labels / 'mine.jsonl'}")
        labelled = subprocess.run(
            [sys.executable, "-m", "papillon", *words],
            input="1\n\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert run.code == 0, run.out
    assert labelled.returncode == 0, labelled.stderr
    assert (labels / "mine.jsonl").read_text()
    assert while_running == modes(evaluator.cache, evaluator.runs, labels) == {"d700", "-600"}
    assert modes(report, tmp_path / "calls.jsonl") == {"-600"}
    assert modes(evaluator.folder / "results.json", summary) == {asked}
