"""The runs that left a folder: listed whatever they hold, and let go by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.harness.listing import let_go, listed
from papillon.__main__ import main
from papillon.errors import UsageError
from papillon.results.folder import RESULTS, RunFolder
from tests.harness.test_comparing import left
from tests.harness.verdicts.samples import qualities
from tests.papillon.results.test_folder import named


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for number in range(3):
        left(tmp_path, number, qualities(20 - number, number))
    return tmp_path


def test_runs_are_listed_the_newest_last_and_what_cannot_be_read_is_named(runs: Path) -> None:
    (runs / named(1) / RESULTS).write_text("nonsense")
    (runs / named(3)).mkdir()
    running = RunFolder(runs, named(4))
    lines = listed(runs, 200)
    running.close()
    assert [line.split()[:2] for line in lines[1:3]] == [[named(0), "last~2"], [named(2), "last"]]
    assert lines[3].startswith(
        f"{named(1)} (last~1): Expected a run's results in {runs}/{named(1)}/{RESULTS}, but it is"
    )
    assert lines[-2:] == [
        f"{named(3)}: it came to no results: it was stopped, or killed.",
        f"{named(4)}: it is under way.",
    ]


def test_where_there_is_none_it_says_what_makes_one(tmp_path: Path) -> None:
    (line,) = listed(tmp_path / "none", 80)
    assert line.startswith(f"No run left a folder in {tmp_path}/none; evaluate with pytest evals -m dev, or ")


def test_older_ones_are_let_go_by_name(runs: Path) -> None:
    assert let_go(runs, 2) == ([f"Removed {named(0)}."], True)
    assert let_go(runs, 2) == ([f"Nothing is older than the newest 2 runs in {runs}."], True)
    with pytest.raises(UsageError, match=r"^--keep: expected a number of runs of at least 0, got -1; 0 keeps none\.$"):
        let_go(runs, -1)


def test_the_command_lists_and_lets_go(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs", str(runs)]) == 0
    assert named(2) in capsys.readouterr().out
    assert main(["runs", "--runs", str(runs), "--keep", "1"]) == 0
    assert capsys.readouterr().out == f"Removed {named(0)}.\nRemoved {named(1)}.\n"
    assert [folder.name for folder in runs.iterdir()] == [named(2)]


def test_what_could_not_be_removed_exits_with_1(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    assert main(["runs", "--runs", str(runs), "--keep", "2"]) == 1
    assert capsys.readouterr().out == f"{named(0)} could not be removed: check who may write there.\n"
