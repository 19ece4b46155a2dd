"""Copies of models: how many there are, what they share, and what is said before memory runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from papillon.errors import EndpointError
from papillon.models.failures import RefusesAll
from papillon.models.local import copies, memory
from papillon.models.local.copies import FIRST_ROOM, Copies, Weights
from papillon.models.roles import open_models
from papillon.profile import JudgeSettings, ModelSettings, Profile
from tests.tiny_gguf import write_tiny

BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "seed": 0}


@pytest.fixture
def copies_of(tiny: Weights) -> Iterator[Callable[..., Copies]]:
    """Makes copies of a model, by default the tiny one; all are let go of in the end."""
    made: list[Copies] = []

    def make(weights: Weights = tiny, size: int = 1) -> Copies:
        made.append(Copies("Model gguf/x", weights, None, size=size))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Weights:
    file = write_tiny(tmp_path / "tiny.gguf")
    return Weights(file, str(file), 4096, per_token=128, vocabulary=259)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Sets the bytes that are free."""
    return lambda count: monkeypatch.setattr(memory, "available", lambda: count)


def test_a_first_copy_that_does_not_fit_is_refused_before_it_is_loaded(
    tiny: Weights, copies_of: Callable[..., Copies], free: Callable[[int | None], None]
) -> None:
    free(10_000_000)
    model = copies_of(size=2)
    with pytest.raises(RefusesAll) as raised:
        model.load()
    assert str(raised.value) == (
        "Expected 49 MB of memory for Model gguf/x with room for 2,048 tokens, got 10 MB; close other programs, raise "
        "the container's limit, or take a smaller model."
    )
    free(None)
    model.load()
    assert model.rooms == [FIRST_ROOM]


def test_calls_that_want_a_first_copy_at_once_load_one(
    copies_of: Callable[..., Copies], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, load = copies_of(size=2), Copies._load
    monkeypatch.setattr(Copies, "_load", lambda self, room: (time.sleep(0.1), load(self, room))[1])
    threads = [threading.Thread(target=model.load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert model.rooms == [FIRST_ROOM]


def test_where_a_second_copy_does_not_fit_calls_wait_for_the_first(
    tiny: Weights, copies_of: Callable[..., Copies], free: Callable[[int | None], None]
) -> None:
    model = copies_of(size=2)
    model.load()
    free(10_000_000)
    threads = [threading.Thread(target=model.ask, args=(BODY,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert model.rooms == [FIRST_ROOM]


def test_a_copy_that_may_not_grow_fails_that_call_and_no_other(
    tiny: Weights, copies_of: Callable[..., Copies], free: Callable[[int | None], None]
) -> None:
    model = copies_of()
    model.load()
    free(48_300_000 + tiny.file.stat().st_size)
    long = {**BODY, "messages": [{"role": "user", "content": "a" * 3000}]}
    with pytest.raises(EndpointError, match=r"with room for 4,096 tokens, got 48 MB") as raised:
        model.ask(long)
    assert not isinstance(raised.value, RefusesAll)
    free(None)
    assert "choices" in model.ask(BODY)


def test_a_copy_of_any_file_shares_its_weights_with_the_others(
    tiny: Weights, copies_of: Callable[..., Copies], monkeypatch: pytest.MonkeyPatch
) -> None:
    import xllamacpp

    made, server = [], xllamacpp.Server
    monkeypatch.setattr(xllamacpp, "Server", lambda params: made.append(params.no_extra_bufts) or server(params))
    copies_of().load()
    copies_of(weights=replace(tiny, rearranged=True)).load()
    assert made == [True, False]


@pytest.mark.parametrize(
    ("processors", "roles", "at_once"),
    [
        (2, {"local": "a", "untrusted": "b"}, {"local": 1, "untrusted": 1}),
        (2, {"local": "a", "untrusted": "b", "judge": "b"}, {"local": 1, "untrusted": 2, "judge": 2}),
        (2, {"local": "a", "untrusted": "a", "judge": "a"}, {"local": 2, "untrusted": 2, "judge": 2}),
        (4, {"local": "a", "untrusted": "b"}, {"local": 2, "untrusted": 2}),
        (1, {"local": "a", "untrusted": "b", "judge": "c"}, {"local": 1, "untrusted": 1, "judge": 1}),
    ],
)
def test_models_share_the_processors_by_their_roles(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processors: int,
    roles: dict[str, str],
    at_once: dict[str, int],
) -> None:
    monkeypatch.setattr("papillon.models.local.llama_cpp.processors", lambda: processors)
    models_ = {role: ModelSettings(f"gguf/{tmp_path}/{name}.gguf", sha256=name * 64) for role, name in roles.items()}
    judge = JudgeSettings("llm", models_["judge"]) if "judge" in models_ else JudgeSettings("lexical")
    profile = Profile("p", None, local=models_["local"], untrusted=models_["untrusted"], judge=judge)
    with open_models(profile, tmp_path / "cache") as models:
        slots = {role: models._engine(role).slots for role in roles}
    assert {role: each.limit for role, each in slots.items()} == at_once
    assert len({id(each) for each in slots.values()}) == len(set(roles.values()))


def test_a_model_on_a_server_takes_no_part_of_the_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("papillon.models.local.llama_cpp.processors", lambda: 2)
    here = ModelSettings(f"gguf/{tmp_path}/a.gguf", sha256="a" * 64)
    there = ModelSettings("openai/b", api_base="http://127.0.0.1:9/v1")
    with open_models(Profile("p", None, local=here, untrusted=there), tmp_path / "cache") as models:
        assert models._engine("local").slots.limit == 2


def test_what_loading_and_a_grammar_left_behind_goes_back_to_the_machine(
    copies_of: Callable[..., Copies], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[str] = []
    monkeypatch.setattr(memory, "give_back", lambda: given_back.append("now"))
    model = copies_of()
    model.load()
    assert len(given_back) == 1
    model.ask(BODY)
    assert len(given_back) == 1
    model.ask({**BODY, "grammar": '%llguidance {}\nstart: "a"\n'})
    assert len(given_back) == 2


def test_room_is_not_fitted_to_the_memory_of_the_moment(
    copies_of: Callable[..., Copies], monkeypatch: pytest.MonkeyPatch
) -> None:
    import xllamacpp

    fitted, server = [], xllamacpp.Server
    monkeypatch.setattr(xllamacpp, "Server", lambda params: fitted.append(params.fit_params) or server(params))
    copies_of().load()
    assert fitted == [False]


def test_a_model_that_was_loaded_and_never_asked_can_be_let_go_of(copies_of: Callable[..., Copies]) -> None:
    for _ in range(5):
        model = copies_of()
        model.load()
        model.close()
        assert model.rooms == []


def test_a_model_that_was_let_go_of_answers_whoever_still_holds_it(copies_of: Callable[..., Copies]) -> None:
    model = copies_of()
    model.ask(BODY)
    model.close()
    answered = []
    thread = threading.Thread(target=lambda: answered.append(model.ask(BODY)), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert "choices" in answered[0]
    assert model.rooms == []


def test_a_loaded_models_file_may_have_been_removed(copies_of: Callable[..., Copies], tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "other.gguf", seed=1)
    loaded = copies.copies_of("Other", Weights(other, "other", 4096, 128, 259), None)
    try:
        loaded.load()
        other.unlink()
        assert "choices" in copies_of().ask(BODY)
    finally:
        copies.let_go(loaded)


def test_other_loaded_models_count(
    copies_of: Callable[..., Copies], tmp_path: Path, free: Callable[[int | None], None]
) -> None:
    other = write_tiny(tmp_path / "other.gguf", seed=1)
    loaded = copies.copies_of("Other", Weights(other, "other", 4096, 128, 259), None)
    try:
        loaded.load()
        free(48_000_000)
        with pytest.raises(RefusesAll, match=r"tokens beside 1 other model, got 48 MB"):
            copies_of().load()
    finally:
        copies.let_go(loaded)
