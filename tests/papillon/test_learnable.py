"""Classes of the user's own under optimisation and training: overheard, or refused in a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import dspy
import pytest

from papillon.__main__ import main
from papillon.errors import EndpointError, UsageError
from papillon.learnable import make_learnable
from papillon.profile import Profile, parse_profile
from papillon.training.grpo.rollouts import RolloutWatch
from tests.model_server import ModelServer
from tests.papillon.optimization.test_optimizing import ROWS, better_when_told

PROGRAM = """
import dspy
from papillon import response_text

class Own(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.untrusted_model = untrusted_model
        self.answer = dspy.Predict("user_query, advice -> response")

    def forward(self, user_query):
        advice = response_text(self.untrusted_model(f"About {user_query[:5]}"))
        if user_query == "raise":
            raise KeyError(user_query)
        if user_query == "none":
            return None
        return self.answer(user_query=user_query, advice=advice)

class Bare(dspy.Module):
    def __init__(self, untrusted_model):
        super().__init__()
        self.model = untrusted_model

    async def aforward(self, user_query):
        return None
"""
MODEL = {"model": "embedded/SmolLM2-135M-Instruct"}


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    monkeypatch.setattr("papillon.__main__.CACHE", tmp_path / "cache")
    (tmp_path / "mine.py").write_text(PROGRAM)
    yield
    sys.modules.pop("mine", None)


def own(name: str = "Own") -> Profile:
    return parse_profile("own", None, {"local": MODEL, "untrusted": MODEL, "program": f"mine:{name}"})


def echo(request: str) -> str:
    return f"heard {request}"


class TestWhatWasSent:
    def test_stands_in_the_prediction_whoever_stands_in_the_models_place(self) -> None:
        program = make_learnable(own(), echo)
        program.answer = lambda **given: dspy.Prediction(response=given["advice"])
        first = program(user_query="Ann Lee")
        assert (first.llm_request, first.response) == ("About Ann L", "heard About Ann L")
        held = program.untrusted_model
        program.untrusted_model = lambda request: held(request).upper()
        assert program(user_query="Ann Lee").llm_request == "About Ann L"
        copied = program.deepcopy()
        copied.untrusted_model = str
        assert copied(user_query="Bob").response == "About Bob"

    @pytest.mark.parametrize("query", ["raise", "none"])
    def test_what_is_no_answer_is_an_empty_one(self, query: str) -> None:
        said = make_learnable(own(), echo)(user_query=query)
        assert (said.llm_request, said.response) == (f"About {query}", "")

    def test_what_a_model_failed_with_is_raised(self) -> None:
        def down(request: str) -> str:
            raise EndpointError("Model m is down.")

        with pytest.raises(EndpointError):
            make_learnable(own(), down)(user_query="Ann")

    def test_a_watch_over_rollouts_guards_its_model_and_scores_it(self) -> None:
        program = make_learnable(own(), echo)
        program.answer = lambda **given: dspy.Prediction(response="Gladly.")
        watch = RolloutWatch(program, lambda example, prediction: float(prediction.llm_request == "About Ann"))
        with watch.watching():
            assert watch.metric(dspy.Example(), program(user_query="Ann")) == 1.0
        assert program.untrusted_model.model.model is echo

    def test_papillon_itself_is_left_as_it_is(self) -> None:
        program = make_learnable(parse_profile("own", None, {"local": MODEL, "untrusted": MODEL}), echo)
        assert program.untrusted_model is echo


def test_one_that_nothing_can_learn_with_is_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError) as refusal:
        make_learnable(own("Bare"), echo)
    assert str(refusal.value) == (
        "mine:Bare: optimisation and training need a predictor such as dspy.Predict, made in __init__ and forward, "
        "beside aforward or alone and its model kept as self.untrusted_model; evaluation does not."
    )


def test_it_is_optimised_to_what_it_sent_and_its_prompts_are_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("papillon.profile.files.ROOT", tmp_path)
    columns = ("user_query", "target_response", "pii_units")
    rows = [json.dumps({name: getattr(row, name) for name in columns}) for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    with ModelServer(rule=better_when_told()) as server:
        roles = [
            f'{role} = {{ model = "openai/{role}", api_base = "{server.base}", endpoint = "{role}" }}\n'
            for role in ("local", "untrusted")
        ]
        (tmp_path / "pyproject.toml").write_text(
            '[tool.papillon.profiles.own]\ndataset = "rows.jsonl"\nprogram = "mine:Own"\n' + "".join(roles)
        )
        out = tmp_path / "found.json"
        asked = ["optimize", "--optimizer", "gepa", "--profile", "own", "--max-calls", "50", "--out", str(out)]
        assert main(asked) == 0
        said = capsys.readouterr().out
        assert f"--eval-profile=own --eval-program {out}" in said
        assert [*json.loads(out.read_text())] == ["answer", "metadata"]
        assert main(["ask", "Hello, I am Ann.", "--profile", "own", "--program", str(out)]) == 0
        assert "About Hello" in capsys.readouterr().out
