"""Where a model's name leads, what of its settings is sent, and what stands in its calls' key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from papillon.errors import UsageError
from papillon.models.providers import OPENAI_BASE, api_key, base_of, identity_of, missing_means, provider_of
from papillon.profile import ModelSettings
from tests.model_server import ModelServer
from tests.papillon.models.attempts import attempt
from tests.papillon.models.test_roles import opened


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


class TestExtraFields:
    def test_they_are_sent_as_they_stand(self, tmp_path: Path) -> None:
        extra = {"enable_thinking": False, "provider": {"order": ["a"]}}
        with ModelServer() as server:
            with opened(server.base, tmp_path, reasoning_effort="low", extra_body=extra, max_tokens=9) as models:
                models.lm("local")("hello")
            (body,) = server.bodies
        assert {name: body[name] for name in body if name not in ("model", "messages")} == {
            "max_tokens": 9, "reasoning_effort": "low", **extra,
        }  # fmt: skip

    @pytest.mark.parametrize("changed", [{"reasoning_effort": "low"}, {"extra_body": {"top_a": 0.5}}])
    def test_they_stand_in_the_calls_key(self, tmp_path: Path, changed: dict[str, object]) -> None:
        with ModelServer() as server:
            for settings in ({}, changed, changed):
                with opened(server.base, tmp_path, endpoint="here", **settings) as models:
                    models.lm("local")("hello")
            assert server.calls == 2

    def test_a_profile_without_them_keeps_its_keys_byte_for_byte(self, tmp_path: Path) -> None:
        with ModelServer() as server, opened(server.base, tmp_path, endpoint="here", temperature=0.5) as models:
            models.lm("local")("hello")
            assert list(models.ledger.used) == ["446cb1d881804707fe44ef57c1046a08c5c9e54a43dc6367cdf428f034fe2f02"]
        known = identity_of(ModelSettings("openai/m", api_base="http://h/v1", max_tokens=9, seed=3))
        assert json.dumps(known) == (
            '{"model": "openai/m", "served": "http://h/v1", "sampling": {"max_tokens": 9}, "seed": 3, '
            '"adapter": ["chat", true]}'
        )

    @pytest.mark.parametrize("model", ["embedded/SmolLM2-135M-Instruct", "transformers/x"])
    def test_a_model_in_this_process_takes_none(self, model: str) -> None:
        for settings in ({"reasoning_effort": "low"}, {"extra_body": {"top_a": 1}}):
            with pytest.raises(UsageError, match=r"for a model that a server has.*leave them out of the profile"):
                provider_of(ModelSettings(model, **settings))  # type: ignore[arg-type]


class TestTheEnvironmentsAddress:
    @pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
    def test_it_is_respected_and_stands_in_the_key(self, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
        settings = ModelSettings("openai/m")
        assert base_of(settings) == OPENAI_BASE
        monkeypatch.setenv(variable, " http://127.0.0.1:9/v1 ")
        assert base_of(settings) == identity_of(settings)["served"] == "http://127.0.0.1:9/v1"
        assert base_of(ModelSettings("openai/m", api_base="http://mine/v1")) == "http://mine/v1"
        monkeypatch.setenv(variable, "")
        assert base_of(settings) == OPENAI_BASE

    @pytest.mark.parametrize(
        "address", ["https://user:pass@host/v1", "https://host/v1?key=secret", "host/v1", "http://"]
    )
    def test_what_is_no_address_is_refused_by_the_variables_name(
        self, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        with pytest.raises(UsageError, match="The environment variable OPENAI_BASE_URL: expected an") as raised:
            base_of(ModelSettings("openai/m"))
        assert "pass@" not in str(raised.value)
        assert "secret" not in str(raised.value)

    def test_its_server_gets_openais_key_and_may_need_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = ModelSettings("openai/m")
        assert "OPENAI_API_KEY" in (missing_means(settings) or "")
        with ModelServer() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base)
            assert missing_means(settings) is None
            assert api_key(settings) is None
            monkeypatch.setenv("OPENAI_API_KEY", "sk-1234abcd")
            attempt(base_of(settings), key=api_key(settings))
            assert server.headers[0]["Authorization"] == "Bearer sk-1234abcd"
