"""The runs of many folders, each once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.results.gathering import DEEPEST, gather
from tests.papillon.results.samples import INFO, result


def write(path: Path, run: str, started: str = "2026-11-26T06:10:54+00:00") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result(run=replace(INFO, id=run, started=started)).to_text())
    return path


def test_results_at_any_depth_are_found_the_oldest_first(tmp_path: Path) -> None:
    write(tmp_path / "nightly" / "job 2" / "results.json", "later", "2026-11-27T06:10:54+00:00")
    write(tmp_path / "results-dev.json", "earlier")
    write(tmp_path / "summary.json", "another kind of file")
    assert [run.run.id for run in gather([tmp_path]).runs] == ["earlier", "later"]


def test_several_copies_of_a_run_count_once(tmp_path: Path) -> None:
    for place in ("a", "b", "c/d"):
        write(tmp_path / place / "results.json", "same")
    found = gather([tmp_path, tmp_path / "a" / "results.json"])
    assert (len(found.runs), found.copies) == (1, 3)


def test_what_cannot_be_read_is_named_and_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "good" / "results.json", "good")
    (tmp_path / "results.json").write_text("{")
    (tmp_path / "results-later.json").write_text('{"schema": 9}')
    found = gather([tmp_path])
    assert [run.run.id for run in found.runs] == ["good"]
    assert {path.name for path in found.unread} == {"results.json", "results-later.json"}
    assert "but it is no JSON" in found.unread[tmp_path / "results.json"]


def test_no_link_is_followed_nothing_is_waited_for_and_the_depth_has_a_bound(tmp_path: Path) -> None:
    write(tmp_path / "results.json", "here")
    outside = write(tmp_path / "outside" / "results.json", "outside").parent
    inside = tmp_path / "inside"
    write(inside / "results.json", "inside")
    (inside / "link").symlink_to(outside)
    (inside / "results-link.json").symlink_to(outside / "results.json")
    os.mkfifo(inside / "results-fifo.json")
    (inside / "loop").symlink_to(inside)
    deep = inside.joinpath(*("d" * 1 for _ in range(DEEPEST)))
    write(deep / "results.json", "deepest")
    write(deep / "d" / "results.json", "too deep")
    assert {run.run.id for run in gather([inside]).runs} == {"inside", "deepest"}


def test_a_file_may_have_any_name_where_it_is_named(tmp_path: Path) -> None:
    assert gather([write(tmp_path / "mine.json", "mine")]).runs[0].run.id == "mine"


def test_where_there_is_none_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        gather([tmp_path])
    assert str(refused.value) == (
        f"Expected results of runs in {tmp_path}, found none; evaluate with pytest evals -m dev, or name a folder with "
        "results.json files in it."
    )
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(UsageError, match="found none, and 1 file that cannot be read; evaluate"):
        gather([tmp_path])
    with pytest.raises(UsageError, match=r"Expected a folder with runs, or a results file, got '.*/nowhere'"):
        gather([tmp_path / "nowhere"])
