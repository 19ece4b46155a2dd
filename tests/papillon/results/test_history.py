"""Which metrics a history shows."""

from __future__ import annotations

import pytest

from papillon.errors import UsageError
from papillon.results.history import SHOWN, chosen
from papillon.results.rows import METRICS


def test_unasked_it_shows_the_main_scores_and_how_much_was_sent() -> None:
    assert chosen(None) == SHOWN == ("quality", "leakage", "overall", "carried")
    assert set(SHOWN) < set(METRICS)


def test_each_metric_that_is_asked_for_comes_once_in_its_order() -> None:
    assert chosen(["gain", "leakage", "gain"]) == ("gain", "leakage")


def test_a_metric_that_is_none_is_refused_with_what_was_meant() -> None:
    with pytest.raises(UsageError) as refused:
        chosen(["leakege"])
    known = "quality, leakage, overall, joint, carried, verbatim_leakage, errors, gain"
    assert str(refused.value) == f"--metric: expected one of {known}, got 'leakege'; did you mean leakage?"
    with pytest.raises(UsageError, match=r"got 'x'; name one of them\.$"):
        chosen(["x"])
