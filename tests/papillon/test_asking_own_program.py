"""``papillon ask`` with a program of the user's own: each request shown before it leaves, whichever way it asks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from papillon.__main__ import main
from tests.model_server import ModelServer
from tests.papillon.optimization.test_optimizing import profile

PROGRAMS = """
import dspy
from papillon import response_text

class Blocks(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.untrusted_model = untrusted_model
        self.answer = dspy.Predict("user_query, advice -> response")

    def forward(self, user_query):
        advice = [response_text(self.untrusted_model(f"Request {n}")) for n in (1, 2)]
        return self.answer(user_query=user_query, advice="; ".join(advice))

class Awaits(Blocks):
    async def aforward(self, user_query):
        advice = [response_text(await self.untrusted_model.acall(f"Request {n}")) for n in (1, 2)]
        return await self.answer.acall(user_query=user_query, advice="; ".join(advice))

class BlocksWithin(Blocks):
    async def aforward(self, user_query):
        return self.untrusted_model("Request 1")

class SendsNothing(Blocks):
    def forward(self, user_query):
        return dspy.Prediction(response="Alone.")

class Raises(Blocks):
    def forward(self, user_query):
        raise KeyError("lost")

class GivesNumber(Blocks):
    def forward(self, user_query):
        return dspy.Prediction(response=42)
"""


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")
    (tmp_path / "mine.py").write_text(PROGRAMS)
    yield
    sys.modules.pop("mine", None)


def ask(folder: Path, name: str) -> int:
    with ModelServer() as server:
        return main(["ask", "Hello", "--profile", profile(folder, server.base), "--program", f"mine:{name}"])


@pytest.mark.parametrize("name", ["Blocks", "Awaits"])
def test_each_request_and_each_answer_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert ask(tmp_path, name) == 0
    said = capsys.readouterr().out
    places = [said.index(text) for text in ("\nRequest 1\n", "← The untrusted", "\nRequest 2\n", "The answer to your")]
    assert places == sorted(places)
    assert said.count("← The untrusted model answered:") == 2


def test_nothing_sent_is_nothing_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(tmp_path, "SendsNothing") == 0
    said = capsys.readouterr().out
    assert "→ The request" not in said
    assert "← " not in said
    assert said.endswith("\nNothing was sent to the untrusted model.\n\nThe answer to your query:\n\nAlone.\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Raises", "papillon ask: mine:Raises raised KeyError: 'lost' (mine.py, line 30).\n"),
        ("GivesNumber", "papillon ask: mine:GivesNumber answered with a response of type int and no text.\n"),
        ("BlocksWithin", "papillon ask: Expected a model to be awaited in aforward, but it was called there"),
        ("Missing", "papillon ask: mine:Missing: expected a class Missing in "),
    ],
)
def test_what_it_does_wrong_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    assert ask(tmp_path, name) == (4 if name == "Missing" else 1)
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert "Traceback" not in err
