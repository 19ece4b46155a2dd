"""``papillon label`` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from judges.labels.file import LabelFile
from papillon.__main__ import main
from papillon.profile import ROOT
from tests.harness.runs import heeds_ctrl_c
from tests.labelling.samples import left


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    left(tmp_path / "runs")
    return ["label", f"--runs={tmp_path / 'runs'}", f"--out={tmp_path / 'labels.jsonl'}", "--n=3"]


def test_at_the_terminal_the_first_line_says_what_is_shown(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["1", "", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert main([*words, "--terminal", "--by", "anna"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("This shows private texts: queries, requests, answers and targets.\n3 rows of dev, drawn at")
    assert said.endswith(f"\n1 of 3 rows are labelled in {tmp_path / 'labels.jsonl'}; figures come when all are.\n")
    assert [label.by for label in LabelFile.at(tmp_path / "labels.jsonl").labels()] == ["anna"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--n=0"], "--n: expected a number of at least 1, got 0"),
        (["none"], "Expected a run: its folder, results file or id, last or last~N; got 'none'"),
        (["--split=train"], "--split: expected one that the run"),
        (["--by="], "--by: expected a name of 1 to 60 plain signs, got ''"),
        (["--port=70000"], "--port: expected a free port on this machine, got 70000: there is no such port"),
    ],
)
def test_a_mistake_is_one_sentence_and_exits_4(
    words: list[str], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *more]) == 4
    error = capsys.readouterr().err
    assert error.startswith(f"papillon label: {said}")
    assert error.count("\n") == 1


def test_a_port_in_use_exits_4(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main([*words, f"--port={taken.getsockname()[1]}"]) == 4
    assert "Address already in use; name another, or none." in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_is_served_until_ctrl_c_and_what_was_answered_stays(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papillon", *words]
    piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, preexec_fn=heeds_ctrl_c, **piped) as going:
        assert going.stdout is not None
        first = [going.stdout.readline() for _ in range(3)]
        address = first[2].removeprefix("Open ").strip()
        with urllib.request.urlopen(address) as page:
            assert b"Labelling" in page.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.rsplit("/", 2)[0] + "/")
        os.kill(going.pid, signal.SIGINT)
        rest, errors = going.communicate(timeout=20)
    assert going.returncode == 0
    assert (errors, rest.splitlines()[-1]) == (
        "",
        f"0 of 3 rows are labelled in {tmp_path / 'labels.jsonl'}; figures come when all are.",
    )
    assert first[0] == "This shows private texts: queries, requests, answers and targets.\n"


@pytest.mark.slow
def test_what_the_page_kept_survives_kill_9_and_it_goes_on_there(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papillon", *words]
    for left_before in (3, 2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as going:
            assert going.stdout is not None
            first = [going.stdout.readline() for _ in range(3)]
            assert f" {left_before} left to label" in first[1]
            address = first[2].removeprefix("Open ").strip()
            with urllib.request.urlopen(f"{address}state") as reply:
                item = json.load(reply)["item"]
            said = {"showing": item["showing"], "choice": "same", "leakage": [False] * len(item["units"])}
            with urllib.request.urlopen(f"{address}answer", json.dumps(said).encode()) as reply:
                assert json.load(reply)["left"] == left_before - 1
            going.kill()
    assert len(LabelFile.at(tmp_path / "labels.jsonl").labels()) == 2
