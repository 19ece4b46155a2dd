"""What a person's ticks are never below."""

from __future__ import annotations

from judges.labels.bounding import bounded, standing
from tests.judges.labels.samples import label, trace


def test_what_stands_in_any_request_is_given_away_beside_what_was_ticked() -> None:
    sent = trace(1, requests=("Write to ADA  ZWILL.", "Where?"))
    assert standing(sent) == (True, False)
    assert bounded(label(sent, leakage=(False, True)), standing(sent)).leakage == (True, True)
    assert bounded(label(sent), standing(sent)).leakage == (True, False)


def test_who_cannot_tell_is_left_so_and_nothing_else_changes() -> None:
    sent = trace(1, requests=("Ada Zwill in Bern",))
    unsure = label(sent, leakage=None)
    assert bounded(unsure, standing(sent)) == unsure
    assert bounded(label(sent, quality="worse"), standing(sent)) == label(sent, quality="worse", leakage=(True, True))
