"""What identifies a call, and the one written form of its record."""

import json
import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from papillon.errors import StoreError
from papillon.store import Answer, Call, Record, Usage, canonical_json
from tests.papillon.store.samples import a_call, a_record

TEXTS = st.text(alphabet="aé\ud83d\ude00😀", max_size=3)


def json_values(scalars: st.SearchStrategy[Any], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | scalars | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    )


#: Values from so small a world that equal ones meet often.
SMALL = json_values(st.integers(-1, 1) | st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0]), TEXTS)
LARGE = json_values(st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.text())


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON value: a definition of its own, with no writing in it."""
    if isinstance(one, str) and isinstance(other, str):
        return one.encode("utf-16", "surrogatepass") == other.encode("utf-16", "surrogatepass")
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


@settings(max_examples=400)
@given(SMALL, SMALL)
@example("\ud83d\ude00", "😀")
@example("\ud83d", "\\ud83d")
def test_keys_are_equal_exactly_when_calls_are(one: Any, other: Any) -> None:
    first, second = Call({"x": one}), Call({"x": other})
    assert (first.key == second.key) == same(one, other) == (first == second)


@given(LARGE)
def test_canonical_json_says_what_the_value_says_and_is_its_own_canonical_form(value: Any) -> None:
    text = canonical_json(value)
    assert same(json.loads(text), value)
    assert canonical_json(json.loads(text)) == text
    text.encode()


@given(st.dictionaries(st.text(max_size=3), LARGE, max_size=4), st.randoms())
def test_the_order_of_fields_does_not_count(identity: dict[str, Any], chance: Any) -> None:
    names = list(identity)
    chance.shuffle(names)
    assert Call({name: identity[name] for name in names}).key == Call(MappingProxyType(identity)).key


def test_a_key_is_the_same_on_every_machine() -> None:
    assert canonical_json({"b": (1.0, 0.5, -0.0), "a": {"é": None, "": True}}) == (
        '{"a":{"":true,"é":null},"b":[1,0.5,0]}'
    )
    known = "00ce193dbbdee6314d4fd250c1fef5d1d2ee9eb8"  # sha256sum of {"model":"m","trial":0}
    assert Call({"trial": 0.0, "model": "m"}).key[:40] == known


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"sampling": {"temperature": math.nan}}, "sampling.temperature is nan (float)"),
        ({"messages": [{"content": b"x"}]}, "messages.0.content is b'x' (bytes)"),
        ({"a": {1: 2}}, "a is {1: 2} (dict)"),
        ({"a": 10**5000}, "cannot be written"),
    ],
)
def test_a_call_that_json_cannot_hold_is_refused_by_its_path(value: Any, words: str) -> None:
    with pytest.raises(StoreError) as refused:
        _ = Call(value).key
    assert words in str(refused.value)


COUNT = st.none() | st.integers(0)


@given(st.text(), st.text(), COUNT, COUNT, LARGE)
def test_a_record_comes_back_from_its_text(
    text: str, reason: str, tokens: int | None, cached: int | None, value: Any
) -> None:
    record = Record.of(Call({"x": value}), Answer(text, reason), Usage(tokens, None, cached))
    back = Record.from_text(record.to_text().encode())
    back.require_own_key()
    assert (back.key, back.answer, back.usage) == (record.key, record.answer, record.usage)
    assert back.to_text() == record.to_text()
    assert Record(back.key, back.call, back.answer, back.usage).checksum == back.checksum


@given(st.data())
def test_no_byte_of_a_record_can_change_unseen(data: st.DataObject) -> None:
    text = bytearray(a_record().to_text().encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreError, match=r"it is not in the form|its checksum does not fit its contents"):
        Record.from_text(bytes(text))


def sealed(record: Record, body: str, key: str | None = None) -> bytes:
    """A text with a right checksum around any body."""
    forged = Record(key or record.key, record.call, record.answer, record.usage)
    vars(forged)["_body"] = body
    return forged.to_text().encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{}", "a field of it is missing, unknown or of a wrong type ('answer')"),
        ("[]", "a field of it is missing"),
        ('{"answer":{"text":1,"finish_reason":"stop"},"call":{},"usage":{"input":1,"output":1}}', "wrong type"),
        ('{"answer":{"text":"","finish_reason":""},"call":{},"usage":{"input":-1,"output":1}}', "wrong type"),
        (
            '{"answer":{"text":"","finish_reason":""},"call":{},"usage":{"input":1,"output":1,"cached":""}}',
            "wrong type",
        ),
        ('{"answer":{"text":"","finish_reason":""},"call":[],"usage":{"input":1,"output":1}}', "wrong type"),
        ('{"answer":{"text":"","finish_reason":"","x":1},"call":{},"usage":{"input":1,"output":1}}', "unknown"),
        ("[" * 100_000, "it is not JSON (maximum recursion depth"),
        ("{", "it is not JSON (Expecting"),
    ],
)
def test_a_right_checksum_around_rubbish_is_still_rubbish(body: str, words: str) -> None:
    with pytest.raises(StoreError) as refused:
        Record.from_text(sealed(a_record(), body))
    assert words in str(refused.value)


def test_a_record_under_a_key_that_is_not_its_calls_is_told() -> None:
    record = a_record()
    other = Record(a_call(1).key, record.call, record.answer, record.usage)
    with pytest.raises(StoreError, match="its key is not the key of its call"):
        Record.from_text(other.to_text().encode()).require_own_key()
