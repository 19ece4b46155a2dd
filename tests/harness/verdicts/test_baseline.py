"""Accepted scores: what the file holds, that it reads back, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.verdicts.baseline import Baseline, _checksum, accept, read_baseline, refuse_mismatch, write_baseline
from judges.scores import SCORES
from papillon.errors import UsageError
from papillon.results.rows import METRICS
from tests.harness.verdicts.samples import row

DATA = {"name": "mini", "sha256": "ab" * 32, "split": "grouped"}
JUDGE = {"kind": "lexical"}


def baseline(rows: list[Any]) -> Baseline:
    return accept(
        rows,
        dataset=DATA,
        judge=JUDGE,
        models={"local": "embedded/smollm2", "untrusted": "embedded/smollm2"},
        program="f00d",
        versions={"python": "3.12.1", "dspy": "3.4.1"},
    )


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


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.floats(0, 1)), unique_by=lambda t: t[:2], min_size=1)
)
def test_any_scores_survive_the_round_trip(seen: list[tuple[int, int, float]]) -> None:
    before = baseline([row(i, quality=quality, trial=trial) for i, trial, quality in seen])
    assert Baseline.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_trials_are_averaged_and_an_unknown_split_is_empty() -> None:
    held = baseline([row(0, quality=1.0), row(0, quality=0.0, trial=1)])
    assert held.scores("dev", "quality") == {"dev-0000": 0.5}
    assert held.scores("test", "quality") == {}
    assert set(held.rows["dev"]["dev-0000", 0]) == set(METRICS)


def test_incomplete_rows_are_not_accepted() -> None:
    with pytest.raises(UsageError) as refused:
        baseline([row(0), row(1, failed=True)])
    assert str(refused.value) == (
        "--eval-accept: expected a score for every row, but dev-0001 has none (refused); run again until all are there."
    )


def test_an_empty_run_is_not_accepted() -> None:
    with pytest.raises(UsageError, match="expected rows to accept, but this run has none; select a split with -m"):
        baseline([])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"quality": 0,', '"quality": 1,', "its checksum is wrong: it was altered after it was written"),
        ('"schema": 1', '"schema": 9', "its schema is 9, and 1 is what this version reads"),
        ('"schema": 1,', "", "it has no 'schema'"),
        ("{", "[", "Expecting"),
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
        ("", "Expecting value"),
        ('{"schema": 1}', "it has no 'checksum'"),
        ('{"schema": 1, "checksum": 3}', "its checksum is wrong"),
        ("\udcff", "'utf-8' codec can't decode"),
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


@pytest.mark.parametrize(
    ("dataset", "judge", "said"),
    [
        (
            DATA | {"name": "pupa_new", "sha256": "cd" * 32},
            JUDGE,
            "belongs to data set mini, but this run has pupa_new",
        ),
        (DATA | {"sha256": "cd" * 32}, JUDGE, f"belongs to data set {'ab' * 32}, but this run has {'cd' * 32}"),
        (DATA | {"split": "tutorial"}, JUDGE, "belongs to split grouped, but this run has tutorial"),
        (
            DATA,
            {"kind": "llm", "model": "openai/gpt-4.1-mini"},
            "belongs to judge kind lexical, but this run has kind llm, model openai/gpt-4.1-mini",
        ),
    ],
)
def test_a_baseline_of_something_else_is_refused(dataset: dict[str, str], judge: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        refuse_mismatch(baseline([row(0)]), dataset=dataset, judge=judge, name="accepted.json")
    assert str(refused.value) == (
        f"Baseline accepted.json {said}; "
        "name another with --eval-baseline, or accept this run's scores with --eval-accept."
    )


def test_the_same_data_under_another_name_are_the_same() -> None:
    refuse_mismatch(baseline([row(0)]), dataset=DATA | {"name": "copy.csv"}, judge=JUDGE, name="accepted.json")
