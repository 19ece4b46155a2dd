"""Keys as people copy them, made fit for a header or refused by their variable's name."""

from __future__ import annotations

import pytest

from papillon.errors import UsageError
from papillon.models.providers import api_key, missing_means
from papillon.profile import ModelSettings
from tests.model_server import ModelServer
from tests.papillon.models.attempts import attempt

SETTINGS = ModelSettings("openai/m", api_base="http://127.0.0.1:1/v1", api_key_env="MY_KEY")


@pytest.mark.parametrize(
    "value",
    ["sk-1234abcd\n", "  sk-1234abcd\r\n", '"sk-1234abcd"', "'sk-1234abcd'", "“sk-1234abcd”", "‘sk-1234abcd’ ",
     "Bearer sk-1234abcd", "bearer  'sk-1234abcd'", "\ufeffsk-1234abcd", "`sk-1234abcd`\u00a0"],
)  # fmt: skip
def test_what_copying_puts_around_a_key_is_taken_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MY_KEY", value)
    assert api_key(SETTINGS) == "sk-1234abcd"
    assert missing_means(SETTINGS) is None
    with ModelServer() as server:
        attempt(server.base, key=api_key(SETTINGS))
        assert server.headers[0]["Authorization"] == "Bearer sk-1234abcd"


@pytest.mark.parametrize(
    ("value", "what"),
    [("sk-12 34abcd", "a blank or line end"), ("sk-12\n34abcd", "a blank or line end"),
     ("sk-12é34abcd", "no ASCII"), ("sk-12…34abcd", "no ASCII"), ("sk-12\x0134abcd", "a control")],
)  # fmt: skip
def test_a_key_that_no_header_can_carry_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str, what: str
) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(UsageError, match=f"environment variable MY_KEY, got .*{what}") as raised:
        api_key(SETTINGS)
    assert "12" not in str(raised.value)
    assert "34abcd" not in str(raised.value)
    assert missing_means(SETTINGS) == str(raised.value)


@pytest.mark.parametrize("value", ["", " \n", '""', "Bearer "])
def test_a_variable_that_holds_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(UsageError, match="environment variable MY_KEY, which is not set"):
        api_key(SETTINGS)
