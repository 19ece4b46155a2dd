"""The label file: added to, never rewritten; what a killed, clumsy or careless hand leaves in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from judges.labels.file import LABELS, LabelFile, default_file
from papillon.errors import DataError, UsageError
from papillon.profile import ROOT
from tests.judges.labels.samples import label, trace


@pytest.fixture
def file(tmp_path: Path) -> LabelFile:
    return LabelFile.begun(tmp_path / "labels" / "mini.jsonl")


def test_labels_are_read_in_the_order_in_which_they_came(file: LabelFile) -> None:
    given = [label(trace(number)) for number in range(3)]
    for each in given:
        file.append(each)
    assert LabelFile.begun(file.path).labels() == LabelFile.at(file.path).labels() == given


def test_files_and_folder_are_the_owners_alone(file: LabelFile) -> None:
    file.comment(label(trace(1)), "Ada is a name.")
    modes = {path.name: path.stat().st_mode & 0o777 for path in [file.path.parent, *file.path.parent.iterdir()]}
    assert modes == {"labels": 0o700, "mini.jsonl": 0o600, "mini.key": 0o600, "mini.comments.jsonl": 0o600}


def test_a_comment_is_beside_the_labels_and_not_in_them(file: LabelFile) -> None:
    file.append(label(trace(1)))
    file.comment(label(trace(1)), "Ada \ud800 is a name.\n")
    assert b"name." not in file.path.read_bytes()
    assert '"comment": "Ada \\ud800 is a name.\\n"' in (file.path.with_suffix(".comments.jsonl")).read_text("utf-8")


def test_a_last_line_that_was_torn_is_left_out_and_dropped_by_the_next(file: LabelFile) -> None:
    first, second = label(trace(1)), label(trace(2))
    file.append(first)
    with file.path.open("ab") as torn:
        torn.write(label(trace(2), "a much longer name").to_line(file.key)[:-2])
    assert file.labels() == [first]
    file.append(second)
    assert file.path.read_bytes() == first.to_line(file.key) + second.to_line(file.key)


def test_a_torn_line_with_labels_after_it_is_refused_by_its_number(file: LabelFile) -> None:
    lines = [label(trace(number)).to_line(file.key) for number in range(3)]
    file.path.write_bytes(lines[0] + lines[1][:40] + b"\n" + lines[2])
    expected = f"Expected a label in line 2 of {file.path}, but the line is no JSON; take the line out, or"
    with pytest.raises(DataError, match=re.escape(expected)):
        file.labels()


def test_an_edited_line_is_refused_by_its_number(file: LabelFile) -> None:
    for number in range(3):
        file.append(label(trace(number)))
    file.path.write_bytes(file.path.read_bytes().replace(b'"tie"', b'"worse"', 2).replace(b'"worse"', b'"tie"', 1))
    with pytest.raises(DataError, match=r"line 2 of .*, but seal does not fit the rest of the line, which was edited;"):
        file.labels()


def test_a_file_of_lines_without_a_seal_is_no_matter_of_the_key(file: LabelFile) -> None:
    line = json.loads(label(trace(1)).to_line(file.key))
    del line["seal"]
    file.path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"Expected a label in line 1 of .*, but seal is not there, so papillon"):
        file.labels()


def test_a_key_of_other_labels_is_said(file: LabelFile) -> None:
    file.append(label(trace(1)))
    file.path.with_suffix(".key").write_text("00" * 32)
    with pytest.raises(DataError, match=r"labels that .*mini\.key belongs to in .*, but it fits none of them; copy"):
        LabelFile.at(file.path).labels()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "Expected the key of the labels .* beside them, but it cannot be read \\(No such .*\\); copy it"),
        ("short", "Expected 64 hexadecimal digits as the labels' key in .*, got something else; copy it anew"),
        ("00", "Expected 64 hexadecimal digits as the labels' key"),
    ],
)
def test_a_key_that_is_missing_or_none_is_said(file: LabelFile, text: str | None, why: str) -> None:
    key = file.path.with_suffix(".key")
    key.unlink()
    if text is not None:
        key.write_text(text)
    with pytest.raises(UsageError, match=why):
        LabelFile.begun(file.path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Expected people's labels in .*none\.jsonl, but it cannot be read \(No such"):
        LabelFile.at(tmp_path / "none.jsonl")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out: expected a file that can be written, got .*; name another"):
        LabelFile.begun(tmp_path / "file" / "labels.jsonl")


def test_a_runs_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(UsageError, match="--out: expected a file outside of the runs' folders, which go in time, got"):
        LabelFile.begun(tmp_path / "labels.jsonl")


def test_one_name_that_answers_twice_is_refused_with_both_lines(file: LabelFile) -> None:
    for each in (label(trace(1)), label(trace(2)), label(trace(1), quality="worse")):
        file.append(each)
    expected = "but lines 1 and 3 are both by one of the name 'anna': two people must not share a name; take one line"
    with pytest.raises(DataError, match=re.escape(expected)):
        file.labels()


def test_one_name_may_answer_again_what_it_took_back(file: LabelFile) -> None:
    first = label(trace(1))
    given = [first, replace(first, undone=True), label(trace(1), quality="worse"), label(trace(1), None)]
    for each in given:
        file.append(each)
    assert file.labels() == given


def test_a_name_is_held_by_one_at_a_time(file: LabelFile) -> None:
    taken = pytest.raises(UsageError, match=r"Expected nobody else to label in .* under the name 'anna', but somebody")
    with file.held("anna"), LabelFile.at(file.path).held("bert"), taken, LabelFile.at(file.path).held("anna"):
        pass
    with file.held("anna"), file.held(None), pytest.raises(UsageError, match="without a name, but"), file.held(""):
        pass


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from judges.labels.file import LabelFile
from tests.judges.labels.samples import label, trace
file = LabelFile.begun(Path(sys.argv[1]))
for number in range(100_000):
    file.append(label(trace(number), sys.argv[2]))
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9_of_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    told: dict[str, int] = {}
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, path, name], stdout=subprocess.PIPE, text=True, cwd=ROOT
                )
            )
            for name in ("anna", "bert")
        }
        for each in writers.values():
            assert each.stdout is not None
            while each.stdout.readline() != "20\n":
                pass
        for name, each in writers.items():
            os.kill(each.pid, signal.SIGKILL)
            assert each.stdout is not None
            told[name] = 21 + len(each.stdout.read().splitlines())
    read = LabelFile.at(path).labels()
    for name, number in told.items():
        own = [each.id for each in read if each.by == name]
        assert own == [f"dev-{n:04d}" for n in range(len(own))]
        assert number <= len(own) <= number + 1


def test_a_label_is_kept_in_a_few_milliseconds_also_among_thousands(file: LabelFile) -> None:
    line = label(trace(1)).to_line(file.key)
    file.path.write_bytes(line * 10_000)
    began = time.process_time()
    for number in range(10):
        file.append(label(trace(number)))
    assert (time.process_time() - began) / 10 < 0.05


def test_the_default_file_is_named_by_the_data() -> None:
    assert default_file("mini") == LABELS / "mini.jsonl"
    assert default_file("../My rows.csv") == LABELS / "My-rows.csv.jsonl"
    assert default_file("…") == LABELS / "data.jsonl"


def test_a_key_or_a_file_of_any_size_is_refused_before_it_fills_the_memory(
    file: LabelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.append(label(trace(1)))
    monkeypatch.setattr("judges.labels.file.MOST_FILE", file.path.stat().st_size)
    assert len(file.labels()) == 1
    os.truncate(file.path, file.path.stat().st_size + 1)
    with pytest.raises(DataError) as refused:
        file.labels()
    assert str(refused.value) == (
        f"Expected people's labels in {file.path}, but it cannot be read (it holds more than "
        f"{file.path.stat().st_size - 1} bytes); take the file from where it was whole."
    )
    os.truncate(file.path.with_suffix(".key"), 2**40)
    with pytest.raises(
        UsageError, match=r"^Expected the key of the labels .* but it cannot be read \(.*\); copy it there"
    ):
        LabelFile.at(file.path)
