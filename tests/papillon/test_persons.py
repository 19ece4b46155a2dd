"""The name of who labels or reviews."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.errors import UsageError
from papillon.persons import person


@pytest.mark.parametrize("name", ["Anna K", " Anna K", "Anna K ", "Anna  K", "Anna\u00a0K\t"])
def test_blanks_make_no_other_person(name: str) -> None:
    assert person(name) == "Anna K"


@pytest.mark.parametrize("name", ["", " ", "\u00a0", "a\x1b[2J", "a" * 61, "\udcff", "a\u202eb"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--by: expected a name of 1 to 60 plain signs, got '.*'; give another\.$"):
        person(name)


@given(st.text(max_size=20))
def test_a_name_is_the_same_once_it_is_one(name: str) -> None:
    try:
        once = person(name)
    except UsageError:
        return
    assert person(once) == once
