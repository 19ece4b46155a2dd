"""Accepted scores: what the file holds, that it reads back, and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.verdicts.baseline import Baseline, accept, refuse_mismatch
from papillon.errors import UsageError
from papillon.results.rows import METRICS, SPARSE
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


def test_a_row_whose_data_do_not_say_what_to_carry_is_accepted_without_it() -> None:
    held = baseline([replace(row(0), carried=None), row(1, carried=0.25)])
    assert held.scores("dev", "carried") == {"dev-0001": 0.25}
    assert Baseline.from_json(held.to_json()) == held
    assert "carried" not in held.to_json()["rows"]["dev"][0]


def test_a_file_without_a_metric_that_rows_may_lack_is_read_and_one_without_another_is_not() -> None:
    for metric in METRICS:
        data = baseline([row(0)]).to_json()
        del data["checksum"], data["rows"]["dev"][0][metric]
        data["checksum"] = hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        if metric in SPARSE:
            old = Baseline.from_json(data)
            assert (old.scores("dev", metric), old.scores("dev", "errors")) == ({}, {"dev-0000": 0.0})
        else:
            with pytest.raises(ValueError, match=f"{metric} is not there"):
                Baseline.from_json(data)


def test_incomplete_rows_are_not_accepted() -> None:
    with pytest.raises(UsageError) as refused:
        baseline([row(0), row(1, failed=True)])
    assert str(refused.value) == (
        "--eval-accept: expected a score for every row, but dev-0001 has none (refused); "
        "run with --eval-record new until all are there."
    )


def test_an_empty_run_is_not_accepted() -> None:
    with pytest.raises(UsageError, match="expected rows to accept, but this run has none; select a split with -m"):
        baseline([])


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
