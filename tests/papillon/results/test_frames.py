"""A run as frames: the columns of the results file, typed alike whatever a run holds, and the texts where they are."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pandas
import pytest

from papillon.errors import UsageError
from papillon.profile import ROOT
from papillon.results import ControlResult, GateResult, Row, load
from papillon.results.folder import RESULTS
from papillon.results.traces import Trace
from tests.papillon.results.samples import ROW, gate, result
from tests.papillon.results.test_folder import left, named
from tests.papillon.results.test_traces import TRACE

LOST = replace(
    ROW, id="dev-0001-2f3c9a2e", status="infrastructure_error", quality=None, leaked=None, verdict=None, overall=None
)
CONTROL = ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = result(ROW, LOST, gates=(gate(), gate(kind="regression", min=None, baseline="b")), controls=(CONTROL,))
    run = replace(run, run=replace(run.run, id=named(0)))
    texts = [replace(TRACE, response="\ud83d"), replace(TRACE, id=LOST.id, judge_extra=None, judge=())]
    return left(tmp_path, 0, *texts, results=run.to_text()).path


def test_a_run_is_named_as_on_the_command_line(folder: Path) -> None:
    for run in (folder, str(folder), folder / RESULTS):
        assert load(run).found.name == named(0)
    assert load("last", folder.parent).found.name == load(named(0), folder.parent).found.name == named(0)
    with pytest.raises(UsageError, match=r"^Expected a run: its folder, results file or id"):
        load("nowhere", folder.parent)


def test_rows_have_the_results_columns_with_missing_for_null(folder: Path) -> None:
    rows = load(folder).rows
    assert list(rows.columns) == [field.name for field in fields(Row)]
    assert rows["id"].tolist() == [ROW.id, LOST.id]
    assert rows["quality"].dtype == "float64"
    assert rows["leaked"].dtype == "Int64"
    assert rows["leaked"].isna().tolist() == rows["quality"].isna().tolist() == [False, True]
    assert rows["status"].cat.categories.tolist() == ["scored", "program_error", "infrastructure_error"]
    assert rows.groupby("status", observed=True)["quality"].mean()["scored"] == 1.0


def test_types_are_the_same_with_lines_and_without(folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.json"
    bare.write_text(replace(result(), rows=(), gates=(), controls=()).to_text())
    for name, kind in (("rows", Row), ("gates", GateResult), ("controls", ControlResult)):
        full, empty = getattr(load(folder), name), getattr(load(bare), name)
        assert list(full.columns) == list(empty.columns) == [field.name for field in fields(kind)]
        assert full.dtypes.tolist() == empty.dtypes.tolist()
        assert len(empty) == 0


def test_texts_are_there_row_by_row_with_lists_as_the_file_has_them(folder: Path) -> None:
    traces = load(folder).traces
    assert list(traces.columns) == [field.name for field in fields(Trace)]
    assert traces["requests"].tolist() == [["Where is Oslo?"]] * 2
    assert traces["response"][0] == "\ud83d"
    assert traces["leaked_units"][0] == [{"unit": "Oslo", "request": 0, "how": "verbatim", "start": 9, "end": 13}]
    joined = load(folder).rows.merge(traces, on=["id", "trial"], suffixes=("", "_text"))
    assert joined["query"].tolist() == [TRACE.query] * 2


def test_a_results_file_alone_has_no_texts_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(result().to_text())
    with pytest.raises(UsageError) as refused:
        load(file).traces  # noqa: B018
    assert str(refused.value) == (
        f"Expected the texts of run {result().run.id} beside {file}, but there are none; name the run's folder."
    )


def test_every_column_and_its_type_is_documented(folder: Path) -> None:
    """docs/results.md has the rows', gates' and controls' fields, docs/traces.md the texts'."""
    said = {"rows": "results.md", "gates": "results.md", "controls": "results.md", "traces": "traces.md"}
    for name, file in said.items():
        frame: pandas.DataFrame = getattr(load(folder), name)
        text = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert [c for c in frame.columns if not re.search(rf"^\|[^|]*`{c}`[^|]*\|", text, re.MULTILINE)] == []
