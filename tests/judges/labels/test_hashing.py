"""The hashes by which a label finds the texts that it was given for."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.labels.hashing import hashes
from tests.judges.labels.samples import KEY, trace


@pytest.mark.parametrize(
    ("field", "changed", "text"),
    [
        ("query", "query", "another"),
        ("requests", "request", ("another",)),
        ("response", "answer", "another"),
        ("target", "target", "another"),
        ("units", "units", ("another",)),
    ],
)
def test_each_text_has_its_own_hash(field: str, changed: str, text: Any) -> None:
    before, after = hashes(KEY, trace(1)), hashes(KEY, replace(trace(1), **{field: text}))
    assert {name for name, value in asdict(before).items() if asdict(after)[name] != value} == {changed}


def test_another_key_gives_other_hashes() -> None:
    ours, theirs = asdict(hashes(KEY, trace(1))), asdict(hashes(bytes(32), trace(1)))
    assert all(ours[name] != theirs[name] for name in ours)


def test_that_an_answer_is_the_target_does_not_show() -> None:
    found = hashes(KEY, trace(1, response="alike", target="alike", query="alike"))
    assert len({found.answer, found.target, found.query}) == 3


@given(st.lists(st.text(max_size=3), max_size=3), st.lists(st.text(max_size=3), max_size=3))
def test_requests_are_told_apart_however_they_are_cut(one: list[str], other: list[str]) -> None:
    ours, theirs = (hashes(KEY, trace(1, requests=tuple(each))).request for each in (one, other))
    assert (ours == theirs) == (one == other)


def test_a_text_with_half_a_surrogate_pair_has_a_hash() -> None:
    assert hashes(KEY, trace(1, response="\ud800")) != hashes(KEY, trace(1, response="\ud801"))
