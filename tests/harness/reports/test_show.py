"""Show: the run and row that two words name, a run's rows, and one row with its texts or where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.reports.example import PRIVATE
from evals.harness.reports.lines import Lines
from evals.harness.reports.show import found_in, shown
from papillon.errors import UsageError
from papillon.results import Row
from papillon.results.finding import FoundRun
from papillon.results.folder import RunFolder
from tests.papillon.results.samples import INFO, ROW, result
from tests.papillon.results.test_traces import TRACE

FIRST, LAST = "20261126T061054Z-small-4f1c", "20261127T061054Z-small-aaaa"
OTHER = replace(ROW, id="dev-0001-abcdabcd", overall=0.25)


def leave(runs: Path, name: str, *rows: Row, texts: bool = True, trials: int = 1) -> None:
    folder = RunFolder(runs, name)
    for row in rows if texts else ():
        folder.add(replace(TRACE, id=row.id, trial=row.trial))
    info = replace(INFO, id=name, trials=trials)
    folder.finish([(row.id, row.trial) for row in rows] if texts else [], result(*rows, run=info).to_text())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    leave(tmp_path / "runs", FIRST, ROW, OTHER)
    leave(tmp_path / "runs", LAST, ROW)
    return tmp_path / "runs"


def lines(runs: Path, *words: str, trial: int | None = None) -> list[str]:
    run, row = found_in(runs, *(*words, None, None)[:2])
    return shown(run, row, trial, Lines(110), runs=runs, command="papillon show").lines


@pytest.mark.parametrize(
    ("words", "run", "row"),
    [
        ((), LAST, None),
        (("last~1",), FIRST, None),
        ((FIRST,), FIRST, None),
        (("dev-0000",), LAST, ROW.id),
        (("last~1", "dev-0001"), FIRST, OTHER.id),
    ],
)
def test_one_word_is_a_run_where_it_names_one_and_else_a_row_of_the_last(
    runs: Path, words: tuple[str, ...], run: str, row: str | None
) -> None:
    found, name = found_in(runs, *(*words, None, None)[:2])
    assert (found.name, name) == (run, row)


def test_a_row_that_only_an_earlier_run_has_is_told(runs: Path) -> None:
    with pytest.raises(UsageError) as refused:
        found_in(runs, "dev-0001", None)
    assert str(refused.value).endswith("papillon show lists them, and last~1 has it.")
    with pytest.raises(UsageError, match=r"papillon show lists them\.$"):
        found_in(runs, "dev-0007", None)
    with pytest.raises(UsageError, match=r"^Expected a run: "):
        found_in(runs, "nonsense", "dev-0000")


def test_a_runs_rows_are_listed_the_worst_first_without_a_text(runs: Path) -> None:
    assert lines(runs, FIRST) == [
        f"Run {FIRST}: 2 examples, the worst first.",
        "  dev-0001-abcdabcd  overall 0.25  quality 1  leaked 0/2",
        "  dev-0000-1f3c9a2e  overall 1.00  quality 1  leaked 0/2",
        "One with all its texts:",
        "  papillon show ID",
    ]


def test_one_row_is_shown_with_its_texts(runs: Path) -> None:
    said = lines(runs, "dev-0000")
    assert said[0] == PRIVATE
    assert "  I am ⟦Ann Lee⟧ from ⟦Oslo⟧." in said


def test_of_several_trials_one_may_be_asked_for(tmp_path: Path) -> None:
    leave(tmp_path, LAST, ROW, replace(ROW, trial=1, overall=0.5), trials=2)
    assert sum("trial" in line for line in lines(tmp_path, "dev-0000")) == 2
    (one,) = (line for line in lines(tmp_path, "dev-0000", trial=1) if "trial" in line)
    assert one == f"{ROW.id} trial 1: scored"
    assert lines(tmp_path)[1].startswith(f"  {ROW.id}  trial 1  overall 0.50")
    with pytest.raises(UsageError) as refused:
        lines(tmp_path, "dev-0000", trial=7)
    assert str(refused.value) == (
        f"--trial: expected one that {ROW.id} has (0, 1), got 7; leave it out for all of them."
    )


def test_a_results_file_alone_says_where_the_texts_would_be(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, there in ((LAST, "they are there: name that."), ("gone", "there is none, so make it again.")):
        file = tmp_path / "kept.json"
        file.write_text(result(run=replace(INFO, id=name)).to_text())
        run = FoundRun.at(file)
        said = f"kept.json has no texts beside it: a run leaves them in its own folder alone, runs/{name}; {there}"
        one = shown(run, ROW.id, None, Lines(200), runs=runs, command="")
        assert " ".join(one.lines[-2:]).strip() == said
        assert one.lines[0] == "This shows figures alone: this row has no texts here."
        assert one.code == 1
        every = shown(run, None, None, Lines(200), runs=runs, command="")
        assert said in " ".join(every.lines)
        assert every.code == 0


def test_a_row_whose_texts_are_missing_in_the_folder_is_told(tmp_path: Path) -> None:
    leave(tmp_path, LAST, ROW, texts=False)
    (tmp_path / LAST / "traces.jsonl").touch()
    run, row = found_in(tmp_path, "dev-0000", None)
    one = shown(run, row, None, Lines(200), runs=tmp_path, command="")
    assert one.code == 1
    said = " ".join(one.lines)
    assert "Expected this row's texts in " in said
    assert said.endswith("but they are not there; make the run again.")
