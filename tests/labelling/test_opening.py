"""A sitting from a run and a label file, or one sentence on why there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.labelling.opening import Opened, Wanted, opened
from evals.labelling.questions import Answer
from judges.labels.file import LabelFile
from papillon.errors import DataError, PapillonError, UsageError
from papillon.results.finding import FoundRun
from tests.judges.labels.samples import label, row, trace
from tests.labelling.samples import left, rows

SAME = Answer("same", (False, False))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "labels" / "mini.jsonl"


@pytest.fixture
def run(tmp_path: Path) -> FoundRun:
    return FoundRun.at(left(tmp_path / "runs"))


def desk(run: FoundRun, out: Path, n: int = 5, **wanted: Any) -> Iterator[Opened]:
    return opened(run, Wanted(n, out=out, **wanted))


def test_it_says_how_many_rows_are_left_and_where_labels_go(run: FoundRun, out: Path) -> None:
    with desk(run, out) as now:
        assert now.remarks == [f"5 rows of dev, drawn at random by seed 0, 5 left to label; labels go to {out}."]
        now.sitting.answer(SAME)
    with desk(run, out) as now:
        assert "4 left to label" in now.remarks[0]
    with desk(run, out, by="bert") as now:
        assert "5 left to label" in now.remarks[0]
        assert [each.by for each in now.sitting.others] == [None]


def test_where_there_are_fewer_rows_than_asked_for_that_is_said(run: FoundRun, out: Path) -> None:
    with desk(run, out, 100) as now:
        assert len(now.sitting.draws) == 12
        assert now.remarks[1] == "There are no 100: dev has 12 rows with scores."


def test_where_rows_repeat_and_so_are_fewer_the_reason_is_that(tmp_path: Path, out: Path) -> None:
    own = [replace(each, group="one") if n < 3 else each for n, each in enumerate(rows())]
    with desk(FoundRun.at(left(tmp_path / "runs", own)), out, 11) as now:
        assert now.remarks == [
            f"10 rows of dev, drawn at random by seed 0, 10 left to label; labels go to {out}.",
            "There are no 11: dev has 12 rows with scores, and of each conversation or repeated query one is drawn.",
        ]


def test_one_row_is_one_row(tmp_path: Path, out: Path) -> None:
    with desk(FoundRun.at(left(tmp_path / "runs", rows(1))), out, 2) as now:
        assert now.remarks[0].startswith("1 row of dev, drawn at random")
        assert now.remarks[1] == "There are no 2: dev has 1 row with scores."


def test_blanks_around_a_name_make_no_other_person(run: FoundRun, out: Path) -> None:
    with desk(run, out, by="anna  k") as now:
        now.sitting.answer(SAME)
    with desk(run, out, by=" anna k\u00a0") as now:
        assert (now.sitting.by, now.sitting.left) == ("anna k", 4)


def test_labels_that_do_not_count_any_more_are_counted_by_reason(run: FoundRun, out: Path, tmp_path: Path) -> None:
    with desk(run, out, 12) as now:
        for _ in range(12):
            now.sitting.answer(SAME)
    texts = [trace(n, response="new" if n < 3 else f"Dear Ada, the program's letter {n}.") for n in range(10)]
    later = left(tmp_path / "later", rows(10), texts=texts)
    with desk(FoundRun.at(later), out, 12) as now:
        assert now.sitting.left == 3
        assert now.remarks[-1] == (
            "7 of 12 labels count for this run: 3 given for other texts than the row has now, "
            "2 of rows that this run does not have do not."
        )


def test_labels_of_other_data_alone_are_refused(run: FoundRun, out: Path) -> None:
    LabelFile.begun(out).append(replace(label(trace(1)), data="e" * 16))
    with pytest.raises(UsageError, match=r"of mini in .*mini\.jsonl, but all it has are of other data; name another"):
        desk(run, out).__enter__()


def test_labels_of_other_data_alone_are_refused_also_where_some_were_taken_back(run: FoundRun, out: Path) -> None:
    given = replace(label(trace(1)), data="e" * 16)
    for each in (given, replace(given, undone=True), replace(label(trace(2)), data="e" * 16)):
        LabelFile.begun(out).append(each)
    with pytest.raises(UsageError, match="all it has are of other data"):
        desk(run, out).__enter__()


def test_another_seed_than_that_of_the_splits_labels_is_refused(out: Path, tmp_path: Path) -> None:
    run = FoundRun.at(left(tmp_path / "both", [*rows(6), row(1, split="test")]))
    with desk(run, out, 3, seed=4) as now:
        now.sitting.answer(SAME)
    why = r"--seed: expected 4, by which rows were drawn for the labels in .*, got 0: an estimate takes"
    with pytest.raises(UsageError, match=why):
        desk(run, out, 5, by="bert").__enter__()
    with desk(run, out, 5, by="bert", seed=4) as now:
        assert now.sitting.left == 5
    with desk(run, out, split="test", seed=1) as now:
        assert now.sitting.left == 1


def test_a_split_is_drawn_by_itself(out: Path, tmp_path: Path) -> None:
    run = FoundRun.at(left(tmp_path / "both", [*rows(3), row(1, split="test")]))
    with desk(run, out, split="test") as now:
        assert [draw.row for draw in now.sitting.draws] == [("test-0001", 0)]
    with desk(run, out) as now:
        assert len(now.sitting.draws) == 3
    with pytest.raises(UsageError, match=r"--split: expected one that the run .* has \(dev or test\), got 'train'\."):
        desk(run, out, split="train").__enter__()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"n": 0}, r"--n: expected a number of at least 1, got 0; ask for some rows\."),
        ({"by": " "}, r"--by: expected a name of 1 to 60 plain signs, got ' '; give another\."),
        ({"by": "a\x1b[2J"}, r"--by: expected a name of 1 to 60 plain signs, got 'a\\x1b\[2J'"),
        ({"by": "a" * 61}, "--by: expected a name of 1 to 60 plain signs"),
        ({"by": "\udcff"}, "--by: expected a name of 1 to 60 plain signs"),
        ({"out": Path("labels.csv")}, r"--out: expected a file that ends in \.jsonl, got 'labels\.csv'"),
    ],
)
def test_what_cannot_be_is_refused_before_a_file_is_made(
    run: FoundRun, tmp_path: Path, wanted: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=why):
        opened(run, Wanted(**{"out": tmp_path / "new.jsonl"} | wanted)).__enter__()
    assert not list(tmp_path.glob("*.jsonl")) + list(tmp_path.glob("*.key"))


def test_the_runs_own_folder_is_no_place_for_labels(run: FoundRun) -> None:
    with pytest.raises(UsageError, match="--out: expected a file outside of the runs' folders"):
        desk(run, run.path.parent / "labels.jsonl").__enter__()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda folder: (folder / "traces.jsonl").unlink(),
            "Expected the texts of the run .* but there are none",
        ),
        (
            lambda folder: (folder / "traces.jsonl").write_bytes(trace(0).to_line()),
            r"Expected the texts of the row dev-00\d\d in .*, but [45] of 5 drawn rows are not there; make the run",
        ),
        (
            lambda folder: (folder / "traces.jsonl").write_bytes(b"{}\n"),
            "Expected the trace of one row in line 1 of .*, but id is not there",
        ),
    ],
    ids=["none", "some", "broken"],
)
def test_texts_that_are_not_there_are_said(tmp_path: Path, out: Path, change: Any, why: str) -> None:
    folder = left(tmp_path / "runs")
    change(folder)
    with pytest.raises(PapillonError, match=why) as error:
        desk(FoundRun.at(folder), out).__enter__()
    assert "Ada" not in str(error.value)


def test_a_run_without_scores_is_said(tmp_path: Path, out: Path) -> None:
    run = FoundRun.at(left(tmp_path / "runs", [row(1, status="program_error")]))
    with pytest.raises(UsageError, match=r"Expected rows with scores in dev of the run .*, but it has none;"):
        desk(run, out).__enter__()


def test_two_at_once_need_two_names(run: FoundRun, out: Path) -> None:
    taken = pytest.raises(UsageError, match=r"under the name 'anna', but somebody does at this moment; end that")
    with desk(run, out, by="anna"), desk(run, out, by="bert"), taken, desk(run, out, by="anna"):
        pass


def test_one_name_for_two_people_is_found_when_the_files_are_laid_together(run: FoundRun, out: Path) -> None:
    file = LabelFile.begun(out)
    file.append(label(trace(1)))
    file.append(label(trace(1), quality="worse"))
    with pytest.raises(DataError, match="two people must not share a name"):
        desk(run, out).__enter__()


@pytest.mark.slow
def test_five_thousand_rows_open_in_two_seconds(tmp_path: Path, out: Path) -> None:
    run = FoundRun.at(left(tmp_path / "large", rows(5000)))
    began = time.process_time()
    with desk(run, out, 30) as now:
        assert len(now.sitting.draws) == 30
        assert len(now.sitting.texts) == 30
    assert time.process_time() - began < 2.5
