"""How often which value came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from papillon.pictures import histogram
from tests.papillon.pictures.drawn import signs, written


def test_zero_has_a_bar_of_its_own_and_a_value_on_an_edge_lies_below_it() -> None:
    picture = histogram("Leakage", [0, 0, 0.1, 0.1 + 0.2, 1 / 3, 1], "leakage")
    assert signs(picture) == [
        "leakage 0: 2 examples",
        "leakage above 0 to 0.1: 1 examples",
        "leakage above 0.2 to 0.3: 1 examples",
        "leakage above 0.3 to 0.4: 1 examples",
        "leakage above 0.9 to 1: 1 examples",
    ]
    assert picture.description == (
        "leakage of 6 examples: 2 0, 1 above 0 to 0.1, 1 above 0.2 to 0.3, 1 above 0.3 to 0.4, 1 above 0.9 to 1."
    )


@given(st.lists(st.floats(0, 3), max_size=40))
def test_every_value_is_counted_once(values: list[float]) -> None:
    assert sum(int(said.split(": ")[1].split()[0]) for said in signs(histogram("t", values, "leakage"))) == len(values)


def test_counts_are_whole_numbers_and_nothing_is_drawn_for_nothing() -> None:
    assert not [word for word in written(histogram("t", [0.5], "carried")) if "." in word and word > "1"]
    assert histogram("t", [], "leakage").description == "leakage of 0 examples: none."
