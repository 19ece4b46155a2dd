"""Bounds: what goes past one is refused in a sentence, and the page of bounds says what they are."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from papillon import bounds
from papillon.profile import ROOT
from tests.papillon.store.samples import python
from tests.papillon.test_data import refusal, write, write_jsonl, write_parquet

ROW = {"user_query": "Why?", "target_response": "So.", "pii_units": "Bo", "redacted_query": "Why?"}
ROW |= {"conversation_hash": "c", "predicted_category": ""}


def test_the_page_of_bounds_has_each_with_its_value() -> None:
    page = (ROOT / "docs" / "bounds.md").read_text()
    units = {"MiB": 2**20, "GiB": 2**30}
    said = {
        name: int(number.replace(",", "")) * units.get(unit, 1)
        for name, number, unit in re.findall(r"^\| `(\w+)` \| ([\d,]+) ?(\w*)", page, re.MULTILINE)
    }
    assert said == {name: getattr(bounds, name) for name in bounds.__all__}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("bound", "most", "said"),
    [
        ("MOST_ROWS", 3, r"^Expected at most 3 rows in .*a\.{}, got more by row 4.*; give a part of it\.$"),
        ("MOST_TEXT", 50, r"^Expected at most 50 characters in .*a\.{}, got more by row 4.*; give a part of it\.$"),
    ],
)
def test_more_rows_or_more_text_than_a_run_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, bound: str, most: int, said: str
) -> None:
    rows: list[dict[str, Any]] = [ROW] * 4
    file = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        write_parquet(file, rows)
    elif suffix == "jsonl":
        write_jsonl(file, rows)
    else:
        write(file, "\n".join([",".join(ROW), *[",".join(ROW.values())] * 4]))
    monkeypatch.setattr(f"papillon.data_files.{bound}", most)
    assert re.search(said.format(suffix), refusal(file))


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", ",".join(ROW) + "\n" + "x" * 2000), ("a.jsonl", json.dumps(ROW | {"more": "x" * 2000}))],
)
def test_a_line_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setattr("papillon.data_files.LONGEST_LINE", 1000)
    said = refusal(write(tmp_path / name, text))
    assert said.startswith(f"Expected lines of at most 1000 characters in {tmp_path / name}, got a longer one, line ")


def test_a_field_of_many_lines_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("papillon.data_files.LONGEST_LINE", 1000)
    said = refusal(write(tmp_path / "a.csv", ",".join(ROW) + '\n"' + "x\n" * 2000))
    assert "field larger than field limit (1000)" in said


@pytest.mark.parametrize("cell", ["x" * 5000, ["x"] * 5000])
def test_a_cell_of_a_parquet_file_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: object
) -> None:
    monkeypatch.setattr("papillon.data_files.LONGEST_LINE", 1000)
    said = refusal(write_parquet(tmp_path / "a.parquet", [ROW | {"pii_units": cell}]))
    assert "Expected at most 1000 characters in" in said
    assert said.endswith("row 1, column pii_units, got more; shorten it.")


@pytest.mark.slow
def test_a_parquet_file_of_some_kilobytes_does_not_fill_the_memory(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    text = pyarrow.array(["x" * 2**20])
    long = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 7700, pyarrow.int32()), text)
    columns = {name: pyarrow.array(["a"] * 7700) for name in ROW} | {"user_query": long}
    file = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), file, compression="zstd", store_schema=False)
    assert file.stat().st_size < 20_000
    code = (
        "import resource, sys; from papillon.__main__ import main; code = main(['data', sys.argv[1]]); "
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    told, wrong = python(code, file).communicate(timeout=120)
    code_, peak = told.split()
    assert (code_, "Expected at most 268435456 characters in" in wrong) == ("4", True)
    kilobytes = int(peak) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 1_200_000
