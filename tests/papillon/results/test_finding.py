"""What a user types for a run and for a row of it, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.results.finding import FoundRun, find_row, find_run, names_run
from papillon.results.folder import RESULTS
from papillon.results.traces import Traces
from tests.papillon.results.samples import ROW, result
from tests.papillon.results.test_folder import left, named

RESULT = replace(
    result(), rows=tuple(replace(ROW, id=id) for id in ("dev-0000-1f3c9a2e", "dev-0001-1f3c9a2e", "dev-0001-2f3c9a2e"))
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, and the folder of one that came to no results."""
    for number in range(3):
        # Their costs tell them apart: an unchanged rerun would replace the one before.
        run = replace(result().run, id=named(number), cost_usd=float(number))
        left(tmp_path / "runs", number, results=result(run=run).to_text())
    (tmp_path / "runs" / named(3)).mkdir()
    return tmp_path / "runs"


@pytest.mark.parametrize(("text", "number"), [("last", 2), ("last~0", 2), ("last~1", 1), ("last~2", 0)])
def test_the_last_runs_are_counted_back_from_the_newest_with_results(runs: Path, text: str, number: int) -> None:
    assert names_run(text, runs)
    assert find_run(text, runs).name == named(number)


def test_a_run_is_named_by_id_folder_and_file(runs: Path, tmp_path: Path) -> None:
    folder = runs / named(1)
    for text in (named(1), str(folder), str(folder / RESULTS)):
        assert names_run(text, runs)
        found = find_run(text, runs)
        assert found.path == folder / RESULTS
        assert isinstance(found.traces, Traces)
        assert len(list(found.traces)) == 1
    (tmp_path / "elsewhere.json").write_text(result().to_text())
    assert find_run(str(tmp_path / "elsewhere.json"), runs) == FoundRun(result(), tmp_path / "elsewhere.json", None)


def test_what_names_no_run_is_refused_with_the_place(runs: Path) -> None:
    assert not names_run("dev-0000", runs)
    assert not names_run("", runs)
    with pytest.raises(UsageError) as refused:
        find_run("lost", runs)
    assert str(refused.value) == (
        f"Expected a run: its folder, results file or id, last or last~N; got 'lost', which is none of {runs}; "
        "papillon runs lists them."
    )
    with pytest.raises(UsageError) as refused:
        find_run("last~3", runs)
    assert str(refused.value) == (
        f"Expected 4 runs in {runs} for 'last~3', but it holds 3; "
        "evaluate with pytest evals -m dev, or name another place with --runs."
    )
    with pytest.raises(UsageError, match=r"Expected a run in .* for 'last', but it holds none; evaluate"):
        find_run("last", runs / "none")


@pytest.mark.parametrize(
    ("text", "id"),
    [("dev-0000", "dev-0000-1f3c9a2e"), ("dev-0001-2", "dev-0001-2f3c9a2e"), ("dev-0001-1f3c9a2e",) * 2],
)
def test_a_row_is_named_by_a_beginning_that_is_its_own(text: str, id: str) -> None:
    assert find_row(RESULT, text) == id


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("dev-0001", "2 begin with it (dev-0001-1f3c9a2e, dev-0001-2f3c9a2e)"),
        ("dev-0002", "none of its 3 begins with it"),
        ("", "none of its 3 begins with it"),
    ],
)
def test_what_names_no_row_or_several_is_refused(text: str, came: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_row(RESULT, text)
    assert str(refused.value) == (
        f"Expected a row of run {RESULT.run.id} by its id or a beginning that one alone has, got {text!r}: {came}; "
        "papillon show lists them."
    )
