"""How far two persons agree."""

from __future__ import annotations

import pytest

from judges.labels.people import people_agreement
from tests.judges.labels.samples import label, trace


def both(*answers: tuple[str, str]) -> list:
    return [
        each
        for number, (one, other) in enumerate(answers)
        for each in (label(trace(number), "anna", quality=one), label(trace(number), "bert", quality=other))
    ]


def test_two_who_always_agree_have_a_kappa_of_one_with_an_interval() -> None:
    (found,) = people_agreement(both(*[("tie", "better"), ("worse", "worse")] * 10))
    assert (found.one, found.other, found.rows, found.quality.value, found.quality.n) == ("anna", "bert", 20, 1.0, 20)
    assert found.quality.low is not None
    assert 0.5 < found.quality.low < 1
    assert found.leakage.value is None, "neither ever saw a leak"


def test_units_are_compared_one_by_one_and_a_row_counts_once_in_the_interval() -> None:
    texts = [trace(number) for number in range(8)]
    labels = [label(text, "anna", leakage=(number % 2 == 0, False)) for number, text in enumerate(texts)]
    labels += [label(text, None, leakage=(number % 2 == 0, number == 0)) for number, text in enumerate(texts)]
    (found,) = people_agreement(labels)
    assert found.one is None
    assert found.leakage.n == 16
    assert found.leakage.value == pytest.approx(0.846, abs=0.001)


def test_who_cannot_tell_is_left_out() -> None:
    (found,) = people_agreement(both(("tie", "cannot tell"), ("worse", "worse"), ("tie", "tie")))
    assert (found.rows, found.quality.n) == (3, 2)


def test_without_rows_in_common_there_is_nothing_to_say() -> None:
    assert people_agreement([label(trace(1), "anna"), label(trace(2), "bert")]) == []
    assert people_agreement([label(trace(1), "anna"), label(trace(1, response="another"), "bert")]) == []


def test_three_people_make_three_pairs() -> None:
    found = people_agreement([label(trace(1), name) for name in ("cleo", "anna", "bert")])
    assert [(pair.one, pair.other) for pair in found] == [("anna", "bert"), ("anna", "cleo"), ("bert", "cleo")]
