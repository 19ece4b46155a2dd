"""Rules: what they propose by form and by capitals, always as it stands in the query, and what they leave."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.annotation.rules import CAPITALS, by_rules


def kinds(query: str, **asked: object) -> dict[str, str]:
    return {each.of(query): each.kind for each in by_rules(query, **asked)}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "text", "kind"),
    [
        ("write to ann.lee@mail.example.", "ann.lee@mail.example", "e-mail address"),
        ("i live at 12 Baker Street, London. so", "12 Baker Street, London", "address"),
        ("to 10 Downing Street, London SW1A 2AA, please", "10 Downing Street, London SW1A 2AA", "address"),
        ("to 24 Sussex Drive, Ottawa K1M 1M4", "24 Sussex Drive, Ottawa K1M 1M4", "address"),
        ("at 350 5th Avenue, New York, NY 10118", "350 5th Avenue, New York, NY 10118", "address"),
        ("wohne in Musterstraße 5, 10115 Berlin", "Musterstraße 5, 10115 Berlin", "address"),
        ("j'habite 12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris", "address"),
        ("vivo en calle Mayor 5", "calle Mayor 5", "address"),
        ("use P.O. Box 1234", "P.O. Box 1234", "address"),
        ("pay DE89 3704 0044 0532 0130 00 for it", "DE89 3704 0044 0532 0130 00", "bank account"),
        ("pay gb82west12345698765432 now", "gb82west12345698765432", "bank account"),
        ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "card number"),
        ("call +49 170 1234567 today", "+49 170 1234567", "phone number"),
        ("born on 3rd of May 1980", "3rd of May 1980", "date"),
    ],
)
def test_a_form_is_proposed_where_it_stands(query: str, text: str, kind: str) -> None:
    assert kinds(query, capitals=False) == {text: kind}


@pytest.mark.parametrize(
    "query",
    ["3 of the best way", "card 4111 1111 1111 1112 no", "it costs $1,200.50", "between 2011-2023", "1.031-3.768"],
)
def test_what_only_looks_so_is_left(query: str) -> None:
    assert not {"address", "card number", "phone number", "amount"} & set(kinds(query).values())


def test_a_phone_number_without_a_country_needs_its_region() -> None:
    assert kinds("call 020 7946 0958", regions=("GB",)) == {"020 7946 0958": "phone number"}
    assert kinds("call 020 7946 0958 or (212) 736-5000", regions=("GB", "US")) == {
        "020 7946 0958": "phone number",
        "(212) 736-5000": "phone number",
    }
    assert kinds("call 212 736 5000") == {}


def test_forms_and_capitals_are_asked_for_apart_and_told_apart() -> None:
    query = "I am Ann Lee, ann@lee.example, in Oslo"
    assert kinds(query, forms=False) == {"Ann Lee": "name", "Oslo": "word with a capital"}
    assert kinds(query, capitals=False) == {"ann@lee.example": "e-mail address"}
    assert {each.origins for each in by_rules(query)} == {("form",), ("capitals",)}
    assert set(CAPITALS) == {"name", "word with a capital"}


@given(st.text(max_size=300))
def test_they_stand_in_the_query_in_order_and_never_overlap(query: str) -> None:
    found = by_rules(query, regions=("US",))
    ends = [0, *(each.end for each in found)]
    assert all(each.of(query) for each in found)
    assert all(each.start >= end for each, end in zip(found, ends, strict=False))


def test_a_long_query_takes_no_longer_than_it_is() -> None:
    query = "Ann Lee, 12 Baker Street, DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111; " * 400
    started = time.process_time()
    by_rules(query, regions=("US",))
    assert time.process_time() - started < 3
