"""Files of accepted scores: what they hold, that they read back, what is refused, and what stays in them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.harness.baseline_files import accepted_before, read_baseline, write_baseline
from evals.harness.verdicts.baseline import Baseline, _checksum
from judges.scores import SCORES
from papillon.errors import UsageError
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import DATA, JUDGE, baseline


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "accepted" / "mini.json"
    rows = [row(2, leaked=1, units=3), row(0), row(1, quality=0.0), row(0, trial=1), row(7, split="test")]
    write_baseline(baseline(rows), path)
    return path


def test_the_file_holds_one_sorted_row_a_line_under_what_it_rests_on(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[1] == '"schema": 1,'
    assert lines[2] == f'"dataset": {json.dumps(DATA)},'
    assert [line.split(",")[:2] for line in lines if line.startswith('{"id"')] == [
        ['{"id": "dev-0000"', ' "trial": 0'],
        ['{"id": "dev-0000"', ' "trial": 1'],
        ['{"id": "dev-0001"', ' "trial": 0'],
        ['{"id": "dev-0002"', ' "trial": 0'],
        ['{"id": "test-0007"', ' "trial": 0'],
    ]
    assert json.loads(file.read_text())["rows"]["dev"][2] == {
        "id": "dev-0001",
        "trial": 0,
        "quality": 0,
        "leakage": 0,
        "overall": 0.5,
        "joint": 0,
        "carried": 0,
        "verbatim_leakage": 0,
        "errors": 0,
    }


def test_what_was_written_reads_back_and_writes_the_same_bytes(file: Path, tmp_path: Path) -> None:
    again = read_baseline(file)
    assert again.scores("dev", "leakage") == {"dev-0000": 0.0, "dev-0001": 0.0, "dev-0002": 1 / 3}
    assert again.rows["dev"]["dev-0000", 1]["quality"] == 1.0
    assert (again.dataset, again.judge, again.program) == (DATA, JUDGE, "f00d")
    write_baseline(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"quality": 0,', '"quality": 1,', "its checksum is wrong: it was altered after it was written"),
        ('"schema": 1', '"schema": 9', "its schema is 9, and 1 is what this version reads"),
        ('"schema": 1,', "", "it has no 'schema'"),
        ("{", "[", "it is no JSON (line 2, column 9)"),
    ],
)
def test_an_altered_file_is_refused_by_name(file: Path, old: str, new: str, why: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(UsageError) as refused:
        read_baseline(file)
    text = str(refused.value)
    assert text.startswith(f"Expected accepted scores in baseline {file}, but {why}")
    assert text.endswith("write it anew with --eval-accept.")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it holds no JSON object"),
        ("null", "it holds no JSON object"),
        ("", r"it is no JSON \(line 1, column 1\)"),
        ('{"schema": 1}', "it has no 'checksum'"),
        ('{"schema": 1, "checksum": 3}', "its checksum is wrong"),
        ("\udcff", r"it is no JSON \(byte 1 is none of UTF-8\)"),
    ],
)
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=rf"Expected accepted scores in baseline .*other\.json, but {why}"):
        read_baseline(path)


@pytest.mark.parametrize(("scores", "version"), [(None, 1), (1, 1), (3, 3)])
def test_scores_by_another_definition_are_refused_with_what_it_changed(
    file: Path, scores: int | None, version: int
) -> None:
    data = json.loads(file.read_text())
    assert data["scores"] == SCORES == 2
    body = {key: value for key, value in data.items() if key not in ("checksum", "scores")}
    body |= {} if scores is None else {"scores": scores}
    file.write_text(json.dumps(body | {"checksum": _checksum(body)}))
    with pytest.raises(UsageError) as refused:
        read_baseline(file)
    assert str(refused.value) == (
        f"Expected accepted scores in baseline {file}, but it holds version {version} of the scores, and this is "
        "version 2 (a row's leakage is never less than what stands verbatim in its request); "
        "write it anew with --eval-accept."
    )


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"in baseline .*none\.json, but No such file or directory"):
        read_baseline(tmp_path / "none.json")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"Expected to write .*file/b\.json, but it cannot be written"):
        write_baseline(baseline([row(0)]), tmp_path / "file" / "b.json")


class TestKeeping:
    """What a file holds beside the splits that are accepted now stays in it, or the acceptance is refused."""

    @pytest.fixture
    def both(self, tmp_path: Path) -> Path:
        path = tmp_path / "both.json"
        write_baseline(baseline([row(0), row(1), row(0, split="test")]), path)
        return path

    def kept(self, path: Path, *splits: str, dataset: Any = DATA, judge: Any = JUDGE) -> Baseline | None:
        return accepted_before(path, splits or ("dev",), dataset=dataset, judge=judge)

    def refused(self, path: Path, **changed: Any) -> str:
        with pytest.raises(UsageError) as refused:
            self.kept(path, **changed)
        return str(refused.value)

    def test_one_split_after_the_other_writes_what_both_at_once_write(self, both: Path, tmp_path: Path) -> None:
        one = tmp_path / "one.json"
        write_baseline(baseline([row(0, split="test")]), one)
        write_baseline(baseline([row(0), row(1)]).beside(self.kept(one)), one)
        assert one.read_bytes() == both.read_bytes()

    def test_the_splits_accepted_now_are_replaced(self, both: Path) -> None:
        new = baseline([row(1, quality=0.0)]).beside(self.kept(both))
        assert new.scores("dev", "quality") == {"dev-0001": 0.0}
        assert new.scores("test", "quality") == {"test-0000": 1.0}
        assert self.kept(both, "dev", "test") is None

    def test_what_the_other_splits_rest_on_stays_with_them(self, both: Path) -> None:
        for _ in range(2):  # a second acceptance passes it on
            new = replace(baseline([row(0)]), program="beef", models={"local": "openai/l"})
            changed = new.beside(self.kept(both))
            write_baseline(changed, both)
        again = read_baseline(both)
        assert again == changed
        assert again.program == "beef"
        assert again.earlier == {
            "test": {
                "models": {"local": "embedded/smollm2", "untrusted": "embedded/smollm2"},
                "program": "f00d",
                "versions": {"python": "3.12.1", "dspy": "3.4.1"},
            }
        }

    def test_no_file_and_an_empty_one_hold_nothing(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path / "none.json") is None
        (tmp_path / "empty.json").write_text(" \n")
        assert self.kept(tmp_path / "empty.json") is None

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"dataset": DATA | {"sha256": "cd" * 32, "name": "other"}}, "of data set mini, but this run has other"),
            ({"dataset": DATA | {"split": "tutorial"}}, "of split grouped, but this run has tutorial"),
            ({"judge": {"kind": "llm", "model": "m"}}, "of judge kind lexical, but this run has kind llm, model m"),
        ],
    )
    def test_other_data_or_another_judge_is_refused_with_what_to_do(
        self, both: Path, changed: dict[str, Any], why: str
    ) -> None:
        assert self.refused(both, **changed) == (
            f"--eval-accept: {both} also holds accepted scores of test, which would be lost: they are {why}; "
            "accept dev and test in one run, or name another file with --eval-baseline."
        )
        assert self.kept(both, "dev", "test", **changed) is None

    def test_scores_by_another_definition_and_altered_ones_are_refused(self, both: Path) -> None:
        data = json.loads(both.read_text())
        body = {key: value for key, value in data.items() if key != "checksum"} | {"scores": 1}
        both.write_text(json.dumps(body | {"checksum": _checksum(body)}))
        assert "which would be lost: it holds version 1 of the scores, and this is version 2" in self.refused(both)
        assert self.kept(both, "dev", "test") is None
        both.write_text(json.dumps(data | {"checksum": "x"}))
        assert "would be lost: its checksum is wrong" in self.refused(both)

    @pytest.mark.parametrize("text", ["[project]\n", "[]", "{}", '{"rows": 3}'])
    def test_a_file_of_something_else_is_not_written_over(self, tmp_path: Path, text: str) -> None:
        (path := tmp_path / "other").write_text(text)
        assert self.refused(path) == (
            f"--eval-accept: expected {path} to hold accepted scores, or not to be there, but it holds something else; "
            "name another file with --eval-baseline, or remove it."
        )


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.json")
    with pytest.raises(UsageError, match=r"accepted scores in baseline .*b\.json, but that is no regular file"):
        read_baseline(tmp_path / "b.json")
