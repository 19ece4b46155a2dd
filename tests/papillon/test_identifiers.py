"""Identifiers: what the rules propose from a query alone, and what they leave."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.identifiers import identifiers


def kinds(query: str) -> dict[str, str]:
    return {each.text: each.kind for each in identifiers(query)}


@pytest.mark.parametrize(
    ("query", "text", "kind"),
    [
        ("write to ann.lee+1@mail.example.org.", "ann.lee+1@mail.example.org", "e-mail address"),
        ("see https://x.example/a?b=1, please", "https://x.example/a?b=1", "web address"),
        ("see www.x.example.", "www.x.example", "web address"),
        ("I am @ann_lee there", "@ann_lee", "user name"),
        ("from 192.168.0.17", "192.168.0.17", "IP address"),
        ("from 2001:db8::1", "2001:db8::1", "IP address"),
        ("pay DE89 3704 0044 0532 0130 00 now", "DE89 3704 0044 0532 0130 00", "bank account"),
        ("pay GB82WEST12345698765432 now", "GB82WEST12345698765432", "bank account"),
        ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "card number"),
        ("call +49 (170) 123-4567!", "+49 (170) 123-4567", "phone number"),
        ("call 555-867-5309", "555-867-5309", "phone number"),
        ("born 1980-05-03", "1980-05-03", "date"),
        ("born 3/5/80,", "3/5/80", "date"),
        ("born on 3rd of May 1980", "3rd of May 1980", "date"),
        ("born May 3, 1980", "May 3, 1980", "date"),
        ("born 3 de mayo de 1980", "3 de mayo de 1980", "date"),
        ("costs $1,200.50 a year", "$1,200.50", "amount"),
        ("order AB-123456", "AB-123456", "number"),
        ("account 7712345", "7712345", "number"),
        ("I am Ann Lee.", "Ann Lee", "name"),
        ("Hello Ann Lee", "Ann Lee", "name"),
        ("ask J. R. van Houten", "J. R. van Houten", "name"),
        ("ask José García Márquez", "José García Márquez", "name"),
        ("this is Anne-Marie O'Neil's will", "Anne-Marie O'Neil", "name"),
        ("Dear Mr. O’Neil,", "O’Neil", "name"),
        ("I saw Dr Chen", "Chen", "name"),
        ("I live in Berlin", "Berlin", "word with a capital"),
    ],
)
def test_what_looks_like_an_identifier_is_proposed(query: str, text: str, kind: str) -> None:
    assert kinds(query) == {text: kind}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "please help me with my will",
        "Please help me. How can I write it?",
        "Can You Help",
        "at 12:30 in 3 weeks, 100 times",
        "use std::vector and a :: b",
        "number 4111 of 9999 pages",
    ],
)
def test_what_does_not_is_left(query: str) -> None:
    assert not kinds(query)


@pytest.mark.parametrize(
    ("wrong", "not_kind"),
    [("card 4111 1111 1111 1112", "card number"), ("pay DE88 3704 0044 0532 0130 00", "bank account")],
)
def test_check_digits_are_checked(wrong: str, not_kind: str) -> None:
    assert not_kind not in kinds(wrong).values()


def test_they_come_in_the_querys_order_and_each_once() -> None:
    query = "I am Ann Lee (ann@x.example). Ann Lee, in Bern, ann@x.example"
    assert list(kinds(query)) == ["Ann Lee", "ann@x.example", "Bern"]
    assert len(identifiers(query)) == 3


@given(st.text(max_size=200))
def test_each_stands_in_the_query(query: str) -> None:
    assert all(each.text and each.text in query for each in identifiers(query))


@pytest.mark.parametrize("piece", ["a", "1.1", "A ", "é@", "-1", "ab:", "van Van ", "1 ", "http://", "Mr. "])
def test_a_long_query_takes_time_in_proportion(piece: str) -> None:
    begun = time.monotonic()
    identifiers(piece * 30_000)
    assert time.monotonic() - begun < 5
