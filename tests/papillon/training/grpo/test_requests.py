"""What kind a rollout's request is of, by its words alone."""

from __future__ import annotations

import pytest

from papillon.program import PAPILLON
from papillon.training.folder.requests import Requests
from papillon.training.grpo.requests import RequestWatch

QUERY = "Write a letter to Ann Lee."


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("", Requests(1, empty=1)),
        (" ...\n", Requests(1, empty=1)),
        ("{llm_request}", Requests(1, prompt=1, words=2)),
        ("A privacy-preserving request for a powerful external LLM.", Requests(1, prompt=1, words=9)),
        ("Write a letter to a friend.", Requests(1, words=6)),
        ("Please: write a LETTER to Ann  Lee, thanks.", Requests(1, query=1, words=8)),
    ],
)
def test_a_request_is_looked_at_by_its_words(asked: str, seen: Requests) -> None:
    watch = RequestWatch(PAPILLON(untrusted_model=str))
    watch.add(asked, QUERY)
    assert watch.taken() == seen
    assert watch.taken() == Requests()  # each look begins anew


def test_a_query_without_words_is_in_no_request() -> None:
    watch = RequestWatch(PAPILLON(untrusted_model=str))
    watch.add("Hello", "?!")
    assert watch.taken() == Requests(1, words=1)
