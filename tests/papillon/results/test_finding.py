"""What a user types for a run and for a row of it, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.results.finding import FoundRun, find_row, find_run, last_comparable, last_whole, names_run
from papillon.results.folder import RESULTS, run_folders
from papillon.results.result import RunResult, read_info, read_result
from papillon.results.run import DatasetInfo
from papillon.results.traces import Traces
from tests.papillon.results.samples import INFO, ROW, result
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


WHOLE = DatasetInfo("mini", "0" * 64, 60, "grouped", {"dev": 1, "test": 1})


def whole(number: int, **changed: object) -> RunResult:
    """A run that saw all of dev, whose cost tells it from the others."""
    run = {
        "dataset": WHOLE,
        "cost_usd": float(number),
        "started": f"2026-11-26T06:{number // 60:02d}:{number % 60:02d}Z",
    }
    return result(run=replace(INFO, **{"id": named(number), **run, **changed}))  # type: ignore[arg-type]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Runs that can be compared with the last but one, and some that cannot."""
    other = DatasetInfo("pupa_new", "1" * 64, 664, "grouped", {"dev": 1})
    lost = replace(ROW, status="infrastructure_error")
    for number, run in enumerate(
        [
            whole(0),
            whole(1),
            whole(2, scores=1),
            whole(3, dataset=other),
            replace(whole(4), rows=(lost,)),
            whole(5, dataset=replace(WHOLE, sizes={"dev": 20})),
            replace(whole(6), rows=(replace(ROW, split="test"),)),
            whole(7),
            whole(8, dataset=replace(WHOLE, sizes={"dev": 20})),
        ]
    ):
        left(tmp_path, number, results=run.to_text())
    left(tmp_path, 9, results="{")
    return tmp_path


def test_the_last_whole_run_is_the_newest_that_saw_all_and_the_others_are_named(mixed: Path) -> None:
    found, passed = last_whole(mixed)
    assert found is not None
    assert found.name == named(7)
    assert passed == {named(9): "it cannot be read", named(8): "it saw 1 of 20 examples of dev"}
    assert last_whole(mixed / "none") == (None, {})


def test_the_last_comparable_run_is_older_has_the_same_split_and_saw_all(mixed: Path) -> None:
    found, passed = last_comparable(whole(7), mixed)
    assert found is not None
    assert found.name == named(1)
    assert passed == {
        named(6): "it has no dev",
        named(5): "it saw 1 of 20 examples of dev",
        named(4): "1 of its 1 rows have no score",
        named(3): "they are over other data (pupa_new and mini)",
        named(2): "their scores are of other definitions (versions 1 and 2)",
    }
    assert last_comparable(whole(0), mixed) == (None, {})


def test_a_run_that_does_not_say_when_it_began_is_after_all_others(mixed: Path) -> None:
    found, _ = last_comparable(whole(99, started="long ago"), mixed)
    assert found is not None
    assert found.name == named(7)


def test_what_ran_is_read_without_the_rows(mixed: Path) -> None:
    for folder in run_folders(mixed)[:-1]:
        assert read_info(folder / RESULTS) == read_result(folder / RESULTS).run
    text = whole(7).to_text()
    cut_off = mixed / "cut.json"
    cut_off.write_text(text[: text.index('"rows": [')])
    assert read_info(cut_off) == whole(7).run
    cut_off.write_text(text.replace("\n", " "))
    assert read_info(cut_off) == whole(7).run
    cut_off.write_text(text.replace('"schema": 1', '"schema": 9'))
    with pytest.raises(UsageError, match="in schema 1, but their schema is 9"):
        read_info(cut_off)
    with pytest.raises(UsageError, match="it is no JSON"):
        read_info(mixed / named(9) / RESULTS)
