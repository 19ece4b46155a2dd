"""Samples: a query with proposals, as the tests of a review need them."""

from __future__ import annotations

from papillon.annotation.proposals import Proposal
from papillon.annotation.queries import Query
from papillon.annotation.review import Review

__all__ = ["PROPOSED", "QUERY", "review"]

QUERY = Query(0, "I am Ann Lee of Oslo, ann@lee.example. Ann Lee needs a poem.")
PROPOSED = (
    Proposal(5, 12, "name", ("capitals", "model")),
    Proposal(16, 20, "", ("model",)),
    Proposal(22, 37, "e-mail address", ("form",)),
)


def review(*more: str) -> Review:
    """A review of QUERY and of ``more`` queries without proposals."""
    queries = [QUERY, *(Query(at, text) for at, text in enumerate(more, 1))]
    return Review(queries, [PROPOSED, *(() for _ in more)])
