"""What is recorded is never paid for again, and a strict replay needs neither a key nor a network."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from papillon.data import MINI
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")

#: Loaded with -p before anything else. An audit hook cannot be taken off again, and sees sockets made in C, too.
NO_INTERNET = """\
import socket, sys

def refuse(event, args):
    if event == "socket.__new__" and args[1] in (socket.AF_INET, socket.AF_INET6):
        raise RuntimeError("an internet socket was opened")
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        raise RuntimeError("a name was looked up")

sys.addaudithook(refuse)
"""


@pytest.fixture
def without_internet(tmp_path: Path) -> dict[str, str]:
    """The environment of a run that may open no internet socket; pass ``-p no_internet`` beside it."""
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "no_internet.py").write_text(NO_INTERNET)
    return {"PYTHONPATH": str(tmp_path / "hooks")}


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["kept", "gone"])
def test_a_strict_replay_opens_no_internet_socket_and_needs_no_key(
    evaluator: Evaluator, without_internet: dict[str, str], rows: str
) -> None:
    with ModelServer() as server:
        with_key = f'{{ model = "openai/m", api_base = "{server.base}", api_key_env = "SOME_KEY" }}'
        profile = str(evaluator.profile(server.base, local=with_key, untrusted=with_key))
        common = (*DEV, "--eval-profile", profile, "--eval-limit", "2")
        first = evaluator.run(*common, SOME_KEY="secret", PAPILLON_KEY_HOSTS="SOME_KEY=127.0.0.1")
        if rows == "gone":
            (evaluator.cache / "rows.db").unlink()
        made = server.calls
        replay = evaluator.run(*common, "--eval-record", "none", "-p", "no_internet", **without_internet)
        assert server.calls == made
    assert first.code == replay.code == 0, replay.out
    assert replay.same() == first.same()
    assert all(row["carried"] is not None and row["query_chars"] and row["category"] for row in first.rows)
    assert replay.calls["replayed"] == first.calls["made"]


@pytest.mark.slow
def test_the_same_run_with_calls_to_make_would_need_a_socket(
    evaluator: Evaluator, without_internet: dict[str, str]
) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base))
        run = evaluator.run(
            *DEV, "--eval-profile", profile, "--eval-limit", "1", "-p", "no_internet", **without_internet
        )
        assert server.calls == 0
    assert run.code == 1


@pytest.mark.slow
def test_one_changed_query_makes_only_its_own_calls_again(evaluator: Evaluator, tmp_path: Path) -> None:
    with MINI.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    data = tmp_path / "rows.csv"

    def write() -> None:
        with data.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, list(rows[0]))
            out.writeheader()
            out.writerows(rows)

    write()
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, dataset='"rows.csv"', split='"tutorial"'))
        first = evaluator.run(*DEV, "--eval-profile", profile)
        made = server.calls
        rows[25]["user_query"] += " Please answer in one sentence."
        write()
        again = evaluator.run(*DEV, "--eval-profile", profile)
        assert server.calls - made == again.calls["made"] == 6
    assert first.code == again.code == 0, again.out
    assert len(again.rows) == len(first.rows)
