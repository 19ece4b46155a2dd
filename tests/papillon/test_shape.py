"""Shape: data held to what a frozen dataclass says of its fields, and told apart where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.cases import LeakageCase, QualityCase
from papillon.profile import GateSettings, JudgeSettings, ModelSettings, Profile, RegressionSettings
from papillon.shape import (
    EMPTY,
    NO_KEY,
    Bound,
    Missing,
    Needed,
    Unfit,
    Unknown,
    at_least,
    between,
    check_keys,
    fit,
    fitted,
    hints_of,
    keys_of,
)
from papillon.training.settings import Lora, TrainSettings


@dataclass(frozen=True)
class Part:
    size: Annotated[int, at_least(1)] = 1
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    name: Annotated[str, Needed("a key 'name', and there is none")]
    place: Annotated[str, NO_KEY] = "here"
    share: Annotated[float, between(0, 1)] = 0.5
    limit: Annotated[float, Bound(lambda value: value > 0, "above 0")] | None = None
    part: Part = field(default_factory=Part)
    kind: Literal["a", "b", True] = "a"

    def __post_init__(self) -> None:
        fit(self)


def refused(value: Any, hint: Any) -> str:
    with pytest.raises(Unfit) as raised:
        fitted("key", value, hint)
    assert raised.value.key == "key"
    return raised.value.phrase()


class TestOneValue:
    @pytest.mark.parametrize(
        ("value", "hint", "found"),
        [
            (1, float, 1.0),
            (None, float | None, None),
            (None, Annotated[float, between(0, 1)] | None, None),
            (None, Annotated[float | None, between(0, 1)], None),
            (["a", "b"], tuple[str, ...], ("a", "b")),
            ("", Annotated[str, EMPTY], ""),
            ("saved.json", Path, Path("/base/saved.json")),
            (Path("as/it/is"), Path, Path("as/it/is")),
            ({"a": 1}, Mapping[str, Any], {"a": 1}),
            ({"size": 2, "names": ["n"]}, Part, Part(2, ("n",))),
            (Part(3), Part, Part(3)),
            (None, Any, None),
            (object, Any, object),
        ],
    )
    def test_what_fits_comes_back_as_its_type(self, value: Any, hint: Any, found: Any) -> None:
        held = fitted("key", value, hint, Path("/base"))
        assert held == found
        assert type(held) is type(found)

    @pytest.mark.parametrize(
        ("value", "hint", "expected"),
        [
            (True, int, "a whole number"),
            (1.0, int, "a whole number"),
            (1.5, Annotated[int, at_least(2)], "a whole number of at least 2"),
            (1.5, Annotated[int, Bound(bool, "2 or more")], "a whole number"),
            (1, Annotated[int, Bound(lambda value: value > 1, "2 or more")], "2 or more"),
            (True, float, "a number"),
            ("1", float, "a number"),
            (float("nan"), Annotated[float, between(0, 1)], "a number"),
            (float("inf"), Annotated[float, between(0, 1)], "a number from 0 to 1"),
            (float("inf"), Annotated[float, at_least(0)], "a number"),
            (10**400, float, "a number"),
            (None, float, "a number"),
            (0, bool, "true or false"),
            ("", str, "a non-empty string"),
            (3, Annotated[str, EMPTY], "a non-empty string"),
            ("", Path, "a non-empty string"),
            (3, Path, "a non-empty string"),
            ([], Mapping[str, Any], "a table"),
            ([], Part, "a table"),
            ("ab", tuple[str, ...], "a list of strings"),
            (["a", 1], tuple[str, ...], "a list of strings"),
            (1, tuple[Any, ...], "a list"),
            (["c"], tuple[Literal["a", "b"], ...], "a list out of a, b"),
            ([], Annotated[tuple[Literal["a"], ...], Bound(bool)], "a list out of a"),
            ("c", Literal["a", "b"], "one of 'a', 'b'"),
            (1, Literal[True], "one of True"),
            (["a"], Literal["a"], "one of 'a'"),
        ],
    )
    def test_what_does_not_is_told_what_was_expected(self, value: Any, hint: Any, expected: str) -> None:
        assert refused(value, hint) == expected

    def test_choices_are_written_as_the_reader_likes(self) -> None:
        with pytest.raises(Unfit) as raised:
            fitted("key", "c", Literal["a", "b"])
        assert raised.value.phrase(str) == "one of a, b"

    @given(st.one_of(st.floats(), st.integers()))
    def test_a_number_is_held_exactly_where_it_is_finite_and_within_its_bounds(self, value: float) -> None:
        within = 0 <= value <= 1
        try:
            assert fitted("key", value, Annotated[float, between(0, 1)]) == value
            held = True
        except Unfit:
            held = False
        assert held == within


class TestKeys:
    def test_what_is_no_key_is_not_among_them(self) -> None:
        assert keys_of(Whole) == ("name", "share", "limit", "part", "kind")

    def test_an_unknown_one_is_refused_before_a_missing_one(self) -> None:
        with pytest.raises(Unknown) as unknown:
            check_keys(Whole, ["nmae"])
        assert (unknown.value.key, unknown.value.table, unknown.value.known) == ("nmae", "", keys_of(Whole))
        with pytest.raises(Unknown):
            check_keys(Whole, ["name", "place"])
        with pytest.raises(Missing, match="name") as missing:
            check_keys(Whole, [])
        assert missing.value.words == "a key 'name', and there is none"
        check_keys(Whole, ["name"])

    def test_one_of_a_table_inside_is_named_with_its_table(self) -> None:
        with pytest.raises(Unknown) as unknown:
            Whole("x", part={"siz": 1})  # type: ignore[arg-type]
        assert (unknown.value.key, unknown.value.table, unknown.value.known) == ("siz", "part", ("size", "names"))
        with pytest.raises(Unfit) as unfit:
            Whole("x", part={"size": 0})  # type: ignore[arg-type]
        assert (unfit.value.key, unfit.value.phrase()) == ("part.size", "a whole number of at least 1")

    def test_a_new_object_holds_what_its_fields_say(self) -> None:
        whole = Whole("x", share=1, part={"size": 2, "names": ["n"]})  # type: ignore[arg-type]
        assert whole == Whole("x", share=1.0, part=Part(2, ("n",)))
        with pytest.raises(Unfit) as unfit:
            Whole("x", limit=0)
        assert (unfit.value.key, unfit.value.phrase(), unfit.value.value) == ("limit", "above 0", 0.0)


@pytest.mark.parametrize(
    "cls",
    [
        *(ModelSettings, JudgeSettings, GateSettings, RegressionSettings, Profile),
        *(TrainSettings, Lora, LeakageCase, QualityCase),
    ],
)
def test_every_default_of_the_project_fits_its_own_field(cls: Any) -> None:
    hints = hints_of(cls)
    for each in cls.__dataclass_fields__.values():
        if isinstance(each.default, (int, float, str, tuple)) or each.default is None:
            assert fitted(each.name, each.default, hints[each.name]) == each.default
