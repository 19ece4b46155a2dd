"""A run's models: each call recorded once and replayed ever after, whoever asks and however often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dspy
import pytest

from papillon.errors import EndpointError, RecordMissing, RunStopped, StoreError, Unreachable, UsageError
from papillon.models import roles
from papillon.models.budget import Budget
from papillon.models.roles import Models, open_models
from papillon.models.turn import Turn, current_turn
from papillon.profile import JudgeSettings, ModelSettings, Profile
from papillon.store import Store
from tests.model_server import Failure, ModelServer
from tests.papillon.store.samples import refusing_after


def profile(base: str, **settings: Any) -> Profile:
    model = ModelSettings(model="openai/m", api_base=base, **settings)
    return Profile("p", None, local=model, untrusted=model, judge=JudgeSettings("lexical"))


@contextmanager
def opened(
    base: str, cache: Path, record: Any = "new", budget: Budget | None = None, **settings: Any
) -> Iterator[Models]:
    models = open_models(profile(base, **settings), cache, record=record, budget=budget)
    try:
        yield models
    finally:
        models.close()


def cause(error: BaseException) -> BaseException:
    return error.__cause__ or error


def test_a_call_is_made_once_and_replayed_ever_after(tmp_path: Path) -> None:
    with ModelServer() as server:
        with opened(server.base, tmp_path) as models:
            first = models.lm("local")("hello")
            assert models.lm("local")("hello") == first
            assert (models.ledger.made, models.ledger.replayed) == (1, 1)
        with opened(server.base, tmp_path) as models:
            assert models.lm("local")("hello") == first
            assert (models.ledger.made, models.ledger.replayed) == (0, 1)
            assert models.ledger.tokens() == (1, len(first[0]) // 4, 0)
        assert server.calls == 1


def test_the_same_call_from_many_at_once_is_made_once(tmp_path: Path) -> None:
    with ModelServer(latency=0.1) as server, opened(server.base, tmp_path) as models:
        lm = models.lm("local")

        async def main() -> list[Any]:
            return await asyncio.gather(*(lm.acall("hello") for _ in range(20)))

        assert len({str(answer) for answer in models.loop.run(main())}) == 1
        assert server.calls == 1


def test_trials_and_attempts_are_draws_of_their_own(tmp_path: Path) -> None:
    with ModelServer() as server, opened(server.base, tmp_path, seed=5) as models:
        for trial, attempt in [(0, 0), (1, 0), (0, 1), (0, 0)]:
            models.lm("local", trial, attempt)("hello")
        assert len({body["seed"] for body in server.bodies}) == server.calls == 3


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({"temperature": 0.5}, True),
        ({"max_tokens": 9}, True),
        ({"endpoint": "elsewhere"}, True),
        ({"timeout": 3.0}, False),
        ({"max_concurrency": 2}, False),
        ({"max_attempts": 9}, False),
        ({"price": (1.0, 2.0)}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_can_change_the_answer_is_in_the_key_and_nothing_else(
    tmp_path: Path, changed: dict[str, Any], again: bool
) -> None:
    with ModelServer() as server:
        with opened(server.base, tmp_path) as models:
            models.lm("local")("hello")
        with opened(server.base, tmp_path, **changed) as models:
            models.lm("local")("hello")
        assert server.calls == (2 if again else 1)


def test_a_named_endpoint_may_move(tmp_path: Path) -> None:
    with ModelServer() as one, opened(one.base, tmp_path, endpoint="mine") as models:
        models.lm("local")("hello")
    with ModelServer() as other, opened(other.base, tmp_path, endpoint="mine") as models:
        models.lm("local")("hello")
        assert other.calls == 0


def test_strict_replay_names_the_nearest_call_and_what_differs(tmp_path: Path) -> None:
    with ModelServer() as server:
        with opened(server.base, tmp_path) as models:
            models.lm("local")("What is a will?")
        with opened(server.base, tmp_path, record="none") as models:
            models.lm("local")("What is a will?")
            with pytest.raises(dspy.utils.exceptions.LMError) as raised:
                models.lm("local")("What is a bill?")
    error = cause(raised.value)
    assert isinstance(error, RecordMissing)
    assert "is not recorded in" in str(error)
    assert "messages.0.content" in str(error)
    assert str(error).endswith(
        "run once with --eval-record new to record it (what its server refused, by a filter or as too long, never is)."
    )
    assert server.calls == 1


def test_strict_replay_needs_no_key_and_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = ModelSettings(model="openai/m")
    settings = Profile("p", None, local=model, untrusted=model, judge=JudgeSettings("lexical"))
    models = open_models(settings, tmp_path / "none", record="none")
    with pytest.raises(dspy.utils.exceptions.LMError, match="nothing is recorded there yet"):
        models.lm("local")("hello")
    models.close()
    assert not (tmp_path / "none").exists()
    models = open_models(settings, tmp_path / "new")
    with pytest.raises(UsageError, match="environment variable OPENAI_API_KEY, which is not set"):
        models.lm("local")
    models.close()


def test_all_makes_every_call_anew_once(tmp_path: Path) -> None:
    with ModelServer() as server:
        for _ in range(2):
            with opened(server.base, tmp_path, record="all") as models:
                models.lm("local")("hello")
                models.lm("local")("hello")
        assert server.calls == 2


def test_a_failure_is_never_recorded(tmp_path: Path) -> None:
    def first_fails(body: dict[str, Any], number: int) -> Failure | None:
        return (400, {}, "") if number == 1 else None

    with ModelServer(failing=first_fails) as server, opened(server.base, tmp_path) as models:
        with pytest.raises(dspy.utils.exceptions.LMError) as raised:
            models.lm("local")("hello")
        assert isinstance(cause(raised.value), EndpointError)
        assert models.lm("local")("hello")
        assert (models.ledger.made, models.ledger.failed) == (1, 1)


def test_the_cost_of_a_replay_is_what_the_run_costs(tmp_path: Path) -> None:
    with ModelServer() as server:
        costs = []
        for _ in range(2):
            with opened(server.base, tmp_path, price=(1.0, 2.0)) as models:
                models.lm("local")("hello there, model")
                costs.append(models.ledger.usd())
        with opened(server.base, tmp_path) as models:
            models.lm("local")("hello there, model")
            assert models.ledger.usd() is None
    assert costs[0] == costs[1]
    assert costs[0] is not None
    assert costs[0] > 0


def test_a_cap_on_calls_holds_over_all_roles(tmp_path: Path) -> None:
    with ModelServer() as server, opened(server.base, tmp_path, budget=Budget(max_calls=3)) as models:

        async def main() -> list[Any]:
            calls = [models.lm(role).acall(f"hello {n}") for n in range(5) for role in ("local", "untrusted")]
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = models.loop.run(main())
        assert server.calls == 3
        assert sum(isinstance(answer, Exception) for answer in answers) == 4  # the roles share their answers


def test_calls_are_put_to_the_turn_they_are_made_for(tmp_path: Path) -> None:
    with ModelServer() as server, opened(server.base, tmp_path) as models:

        async def main() -> Turn:
            turn = Turn(0)
            current_turn.set(turn)
            await models.lm("local").acall("one")
            await models.lm("local").acall("two")
            await models.lm("local").acall("one")
            return turn

        turn = models.loop.run(main())
    assert turn.depth == 3
    assert list(turn.keys) == list(models.ledger.used)
    assert len(turn.keys) == 2


def test_a_blocking_call_on_the_models_loop_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    with ModelServer() as server, opened(server.base, tmp_path) as models:

        async def main() -> None:
            models.lm("local")("hello")

        with pytest.raises(dspy.utils.exceptions.LMError, match=r"write await model\.acall"):
            models.loop.run(main())


def test_an_unknown_kind_of_model_is_refused_by_name(tmp_path: Path) -> None:
    model = ModelSettings(model="anthropic/claude")
    settings = Profile("p", None, local=model, untrusted=model, judge=JudgeSettings("lexical"))
    said = r"Expected a model as embedded/NAME, gguf/PATH, .* openai/NAME .* got 'anthropic/claude'"
    with pytest.raises(UsageError, match=said):
        open_models(settings, tmp_path)


def test_the_profiles_deadline_bounds_a_call(tmp_path: Path) -> None:
    with (
        ModelServer(latency=5) as server,
        opened(server.base, tmp_path, deadline=0.3) as models,
        pytest.raises(dspy.utils.exceptions.LMError, match=r"gave no answer within 0\.3 s"),
    ):
        models.lm("local")("hello")


def test_a_deadline_is_a_minute_or_twice_the_timeout_unless_the_profile_says_another(tmp_path: Path) -> None:
    found = []
    for settings in ({}, {"timeout": 5.0}, {"timeout": 5.0, "deadline": 7.0}):
        with opened("http://127.0.0.1:9/v1", tmp_path, **settings) as models:
            models.lm("local")
            found.append(models._engines["local"].deadline)
    assert found == [240, 60, 7]


def test_a_stop_ends_pauses_and_the_wait_for_a_models_own_slots(tmp_path: Path) -> None:
    def busy(body: dict[str, Any], number: int) -> Failure:
        return (429, {"Retry-After": "60"}, "")

    with ModelServer(failing=busy) as server, opened(server.base, tmp_path, max_concurrency=1) as models:
        lm = models.lm("local")

        async def main() -> list[Any]:
            calls = [asyncio.ensure_future(lm.acall(f"hello {n}")) for n in range(3)]
            while not server.calls or not models._engines["local"]._resting:
                await asyncio.sleep(0.01)
            models.stop()
            return await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 2)

        assert [type(cause(error)) for error in models.loop.run(main())] == [RunStopped] * 3
        assert server.calls == 1


def test_closing_waits_for_calls_in_flight_and_their_records_and_begins_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(body: dict[str, Any], number: int) -> Failure | None:
        return (429, {"Retry-After": "15"}, "") if "busy" in str(body["messages"]) else None

    monkeypatch.setattr(roles, "CLOSING_TOLD_AFTER", 0.1)
    with ModelServer(latency=0.5, failing=busy) as server:
        models = open_models(profile(server.base), tmp_path, concurrency=4)
        with ThreadPoolExecutor(6) as threads:
            asked = [threads.submit(models.lm("local"), text) for text in ("one", "two", "busy", "also busy")]
            while server.in_flight < 4:
                time.sleep(0.01)
            waiting = [threads.submit(models.lm("local"), text) for text in ("three", "four")]
            began = time.monotonic()
            models.close()
            assert time.monotonic() - began < 3
            assert [type(cause(call.exception())) for call in (*asked[2:], *waiting)] == [RunStopped] * 4  # type: ignore[arg-type]
            assert server.calls == 4
            assert [bool(call.result()) for call in asked[:2]] == [True] * 2
    with Store(tmp_path, read_only=True) as store:
        assert len(store) == 2
    assert "calls in flight are waited for and recorded; Ctrl-C again ends at once." in caplog.text


def test_an_answer_that_could_not_be_recorded_is_no_good_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "put_all", refusing_after(1))
    monkeypatch.setattr(Store, "put", refusing_after(0))
    with ModelServer() as server:
        models = open_models(profile(server.base), tmp_path)

        def ask(*texts: str) -> None:
            with models:
                for text in texts:
                    assert models.unrecorded is None
                    assert models.lm("local")(text)

        with pytest.raises(StoreError) as raised:
            ask("one", "two")
    assert str(raised.value) == models.unrecorded == "1 paid answer was used and could not be recorded: no room"


def test_what_went_wrong_first_is_told_before_an_answer_that_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("put_all", "put"):
        monkeypatch.setattr(Store, method, refusing_after(0))
    with ModelServer() as server:
        models = open_models(profile(server.base), tmp_path)

        def ask() -> None:
            with models:
                models.lm("local")("one")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ask()


def test_a_server_that_is_away_is_named_in_the_log_where_nobody_else_hears_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened("http://127.0.0.1:9/v1", tmp_path, deadline=0.3) as models:
        with pytest.raises(dspy.utils.exceptions.LMError) as raised:
            models.lm("local")("hello")
        assert isinstance(cause(raised.value), Unreachable)
        models.loop.run(asyncio.sleep(0))
    assert "Model openai/m could not be reached for 0 s, and is given up for now." in caplog.text


def test_models_that_are_away_are_reached_again_but_for_those_named_and_none_after_a_stop(
    tmp_path: Path,
) -> None:
    with opened("http://127.0.0.1:9/v1", tmp_path, deadline=0.1) as models:

        def ask(role: str) -> None:
            with pytest.raises(dspy.utils.exceptions.LMError):
                models.lm(role)(f"hello {role}")

        assert not models.reach_again()
        ask("local")
        assert models.reach_again() == {"local"}
        assert not models.reach_again()  # it was reached again, and is not given up any more
        ask("local")
        ask("untrusted")
        assert models.reach_again({"local"}) == {"untrusted"}
        local, untrusted = models._engines["local"], models._engines["untrusted"]
        assert (type(local.given_up), untrusted.given_up) == (Unreachable, None)
        ask("untrusted")
        assert not models.reach_again({"local", "untrusted"})
    with opened("http://127.0.0.1:9/v1", tmp_path, deadline=0.1) as models:
        ask("local")
        models.stop()
        assert not models.reach_again()


def test_a_lexical_judges_model_is_not_among_those_that_are_asked(tmp_path: Path) -> None:
    settings = replace(profile("http://127.0.0.1:9/v1"), judge=JudgeSettings("lexical", ModelSettings("openai/j")))
    models = open_models(settings, tmp_path, record="none")
    try:
        assert models.settings == settings.models
        assert set(models.settings) == {"local", "untrusted"}
    finally:
        models.close()
