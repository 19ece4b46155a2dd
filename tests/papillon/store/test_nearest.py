"""A miss names the nearest recorded call and what differs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from papillon.store import Call, Neighbours, Store
from tests.papillon.store.samples import a_call, a_record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as opened:
        opened.put_all(a_record(number) for number in range(40))
        yield opened


def changed(number: int, path: str, value: Any) -> dict[str, Any]:
    """The identity of the ``number``-th call with the field at ``path`` replaced."""
    names = path.split(".")

    def replaced(old: Any, names: list[str]) -> Any:
        if not names:
            return value
        if isinstance(old, list):
            return [replaced(item, names[1:]) if str(place) == names[0] else item for place, item in enumerate(old)]
        return {**old, names[0]: replaced(old.get(names[0], {}), names[1:])}

    identity: dict[str, Any] = replaced(dict(a_call(number).identity), names)
    return identity


@pytest.mark.parametrize(
    ("path", "value", "excerpt"),
    [
        ("sampling.temperature", 0.0, 'recorded "0.7", asked "0"'),
        ("model", "m-360", 'recorded "m-135", asked "m-360"'),
        ("trial", 1, 'recorded "0", asked "1"'),
        ("sampling.top_p", 0.9, 'recorded "absent", asked "0.9"'),
        ("schema", {"title": "T" * 90}, 'recorded "'),
        ("messages.0.content", "Craft a request.", "from character 16 on, of 40 recorded and 16 asked"),
        (
            "messages.1.content",
            "Where did the 17. letter to Mr\nÖdegård go? 手紙",
            "from character 30 on, of 45 recorded and 45 asked",
        ),
    ],
)
def test_the_field_that_differs_is_named_and_shown(store: Store, path: str, value: Any, excerpt: str) -> None:
    found = Neighbours(store).nearest(changed(17, path, value))
    assert found is not None
    assert found.key == a_call(17).key
    assert found.fields == (path,)
    assert found.excerpt.startswith(excerpt)
    assert str(found).startswith(f"the nearest recorded call, {found.key[:12]}, differs in {path}: {excerpt}")


def test_no_word_of_a_message_is_shown(store: Store) -> None:
    identity = dict(a_call(17).identity)
    system, user = identity["messages"]
    for messages, said in (
        ([{**system, "content": "Quartermain"}, user], "from character 1 on, of 40 recorded and 11 asked"),
        (
            [system, {**user, "content": f"{user['content']} Quartermain"}],
            "from character 46 on, of 45 recorded and 57",
        ),
        ([system], "it is absent from the asked one"),
        ([system, user, {"role": "user", "content": "Quartermain"}], "it is absent from the recorded one"),
    ):
        found = Neighbours(store).nearest({**identity, "messages": messages})
        assert found is not None
        assert found.excerpt.startswith(said)


def test_a_text_without_spaces_is_found_by_its_characters(tmp_path: Path) -> None:
    def content(number: int) -> str:
        return "".join(chr(0x4E00 + number * 331 * (place + 1) % 5000) for place in range(200))

    with Store(tmp_path / "cache") as store:
        store.put_all(a_record(messages=[content(number)]) for number in range(40))
        found = Neighbours(store).nearest(a_call(messages=[content(23)[:90] + "手紙" + content(23)[95:]]).identity)
    assert found is not None
    assert found.key == a_call(messages=[content(23)]).key
    assert found.fields == ("messages.0",)


def test_a_field_that_is_gone_and_many_fields_are_named_too(store: Store) -> None:
    identity = dict(a_call(3).identity)
    del identity["trial"]
    identity["sampling"] = {}
    identity["endpoint"] = "http://127.0.0.1"
    found = Neighbours(store).nearest(identity)
    assert found is not None
    assert found.key == a_call(3).key
    assert set(found.fields) == {"trial", "sampling.max_tokens", "sampling.temperature", "endpoint"}
    assert "and 1 fields more: " in str(found)
    assert 'recorded "300", asked "absent"' in found.excerpt


def test_what_no_terminal_should_act_on_is_escaped(store: Store) -> None:
    found = Neighbours(store).nearest(changed(1, "model", "m\x1b[2J\x9b\u202e"))
    assert found is not None
    assert found.excerpt == r'recorded "m-135", asked "m\x1b[2J\x9b\u202e"'


def test_a_call_that_is_recorded_differs_in_nothing(store: Store) -> None:
    found = Neighbours(store).nearest(a_call(5).identity)
    assert found is not None
    assert (found.key, found.fields) == (a_call(5).key, ())


def test_nothing_recorded_is_near_to_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "none", read_only=True) as store:
        assert Neighbours(store).nearest(a_call().identity) is None


def test_among_many_long_texts_the_edited_one_is_found_quickly(tmp_path: Path) -> None:
    def identity(number: int, edit: str = "") -> dict[str, Any]:
        words = [f"word{number * 7919 * (place + 1) % 99991}" for place in range(250)]
        content = " ".join(words[:200]) + edit + " ".join(words[200:])
        return dict(Call({**a_call().identity, "messages": [{"role": "user", "content": content}]}).identity)

    with Store(tmp_path / "cache") as store:
        store.put_all(a_record(messages=identity(number)["messages"]) for number in range(1500))
        neighbours = Neighbours(store)
        neighbours.nearest(identity(0))
        started = time.perf_counter()
        found = neighbours.nearest(identity(1234, " and something more "))
        assert time.perf_counter() - started < 2
    assert found is not None
    assert found.key == Call(identity(1234)).key
    assert found.fields == ("messages.0.content",)
