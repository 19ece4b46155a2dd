"""A run's folder: private, readable while the run goes, in order at its end, and one of the newest twenty."""

from __future__ import annotations

import datetime
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.results.folder import KEPT, RESULTS, RunFolder, keep_newest, new_id, run_folders
from papillon.results.traces import TRACES, Trace, Traces
from tests.papillon.results.samples import result
from tests.papillon.results.test_traces import TRACE

STARTED = datetime.datetime(2026, 11, 26, 7, 10, 54, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


def named(number: int, profile: str = "small") -> str:
    return f"20261126T06{number // 60:02d}{number % 60:02d}Z-{profile}-4f1c"


def left(parent: Path, number: int, *traces: Trace, profile: str = "small", results: str | None = None) -> RunFolder:
    folder = RunFolder(parent, named(number, profile))
    for trace in traces or (TRACE,):
        folder.add(trace)
    text = results or result(run=replace(result().run, id=folder.path.name)).to_text()
    folder.finish([(trace.id, trace.trial) for trace in traces or (TRACE,)], text)
    folder.make_way()
    return folder


@pytest.mark.parametrize(
    ("profile", "shown"),
    [("small", "small"), ("my profile/../x", "my-profile-..-x"), ("..", "run"), ("日本", "日本"), ("x" * 99, "x" * 60)],
)
def test_an_id_says_when_and_which_profile_and_can_be_a_files_name(profile: str, shown: str) -> None:
    assert re.fullmatch(f"20261126T061054Z-{re.escape(shown)}-[0-9a-f]{{4}}", new_id(profile, STARTED))


def test_folders_and_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = left(tmp_path / "new" / "runs", 0)
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == folder.path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.path.iterdir()} == {
        RESULTS: 0o600,
        TRACES: 0o600,
    }


def test_each_row_can_be_read_as_soon_as_it_was_added(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, named(0))
    for number in range(3):
        folder.add(replace(TRACE, trial=number))
        assert len(list(Traces(folder.path))) == number + 1
    folder.close()


def test_rows_come_in_their_order_at_the_end_and_only_the_last_of_each(tmp_path: Path) -> None:
    first, second = (replace(TRACE, id=f"dev-000{number}") for number in (0, 1))
    folder = RunFolder(tmp_path, named(0))
    for trace in (second, replace(first, response="At first."), first):
        folder.add(trace)
    folder.finish([(first.id, 0), (second.id, 0)], "{}\n")
    assert list(Traces(folder.path)) == [first, second]
    assert (folder.path / RESULTS).read_text() == "{}\n"


def test_a_run_under_way_keeps_its_folder_and_a_killed_one_makes_way(tmp_path: Path) -> None:
    going = RunFolder(tmp_path, named(0))
    for number in range(1, KEPT + 3):
        left(tmp_path, number, replace(TRACE, id=f"dev-{number:04d}"))
    assert going.path.exists()
    going.add(TRACE)
    going.close()
    left(tmp_path, KEPT + 3, replace(TRACE, id="dev-0999"))
    assert not going.path.exists()
    assert len(run_folders(tmp_path)) == KEPT


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        left(tmp_path, number, replace(TRACE, response=str(number)))
    assert [folder.name for folder in run_folders(tmp_path)] == [named(number) for number in range(3, KEPT + 3)]


def test_what_is_no_runs_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / named(0)).symlink_to(tmp_path / "notes")
    (tmp_path / named(1)).write_text("")
    for number in range(2, KEPT + 4):
        left(tmp_path, number, replace(TRACE, response=str(number)))
    assert {"notes", named(0), named(1)} <= {path.name for path in tmp_path.iterdir()}


def test_an_unchanged_rerun_replaces_its_predecessor_whatever_it_replayed(tmp_path: Path) -> None:
    replayed = replace(TRACE, calls=(replace(TRACE.calls[0], replayed=False),))
    left(tmp_path, 0, replayed)
    left(tmp_path, 1, profile="other")
    left(tmp_path, 2)
    assert [folder.name for folder in run_folders(tmp_path)] == [named(1, "other"), named(2)]


@pytest.mark.parametrize("what", ["text", "row", "more", "damaged", "deep", "long", "unfinished"])
def test_a_changed_one_stays_beside_it(tmp_path: Path, what: str) -> None:
    before = left(tmp_path, 0)
    other, results = TRACE, None
    if what == "text":
        other = replace(TRACE, response="Another.")
    elif what == "row":
        results = result(replace(result().rows[0], quality=0.0)).to_text()
    elif what == "more":
        with (before.path / TRACES).open("ab") as file:
            file.write(TRACE.to_line())
    elif what == "damaged":
        (before.path / RESULTS).write_text(json.dumps([1]))
    elif what == "deep":
        (before.path / RESULTS).write_text("[" * 200_000)
    elif what == "long":
        os.truncate(before.path / RESULTS, 2**40)
    else:
        (before.path / RESULTS).unlink()
    left(tmp_path, 1, other, results=results)
    assert len(run_folders(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as raised:
        RunFolder(tmp_path / "file" / "runs", named(0))
    assert str(raised.value) == (
        f"Expected to write the run's folder {tmp_path / 'file' / 'runs' / named(0)}, but it cannot be written "
        "(Not a directory); name another place with --eval-runs DIR, or none."
    )


def test_a_folder_that_goes_away_meanwhile_is_a_sentence_too(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, named(0))
    folder.add(TRACE)
    folder.discard()
    with pytest.raises(UsageError, match=r"^Expected to write the run's folder .* but it cannot be written"):
        folder.finish([(TRACE.id, 0)], "{}")


def test_the_newest_are_kept_and_older_ones_go_with_what_came_to_nothing(tmp_path: Path) -> None:
    for number in (0, 2, 4):
        left(tmp_path, number, results=result(run=replace(result().run, cost_usd=float(number))).to_text())
    for number in (1, 5):
        (tmp_path / named(number)).mkdir()
    running = RunFolder(tmp_path, named(3))
    (tmp_path / "not-a-run").mkdir()
    assert keep_newest(tmp_path, 4) == ([], [])
    assert keep_newest(tmp_path, 3) == ([], [])
    assert keep_newest(tmp_path, 2) == ([tmp_path / named(0), tmp_path / named(1)], [])
    assert keep_newest(tmp_path, 1) == ([tmp_path / named(2)], [])
    assert [folder.name for folder in run_folders(tmp_path)] == [named(3), named(4), named(5)]
    assert keep_newest(tmp_path, 0) == ([tmp_path / named(4), tmp_path / named(5)], [])
    assert running.path.is_dir()
    running.close()


def test_a_folder_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left(tmp_path, 0)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    assert keep_newest(tmp_path, 0) == ([], [tmp_path / named(0)])
