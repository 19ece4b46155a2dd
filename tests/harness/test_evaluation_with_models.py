"""One example's evaluation with PAPILLON itself, its models on a loopback server, and the LLM judge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dspy
import pytest

from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scoring import UntrustedModel, evaluate
from judges import LLMJudge
from papillon import PAPILLON
from papillon.models.budget import Budget
from papillon.models.roles import Models, open_models
from papillon.profile import JudgeSettings, ModelSettings, Profile
from tests.harness.evaluation.test_scoring import QUERY, example, without_scores
from tests.model_server import Failure, ModelServer


@contextmanager
def served(server: ModelServer, cache: Path, budget: Budget | None = None, **changed: Any) -> Iterator[Models]:
    def model(name: str) -> ModelSettings:
        return ModelSettings(f"openai/{name}", api_base=server.base, **({"max_attempts": 1} | changed))

    profile = Profile("p", None, model("local"), model("untrusted"), JudgeSettings("llm", model("judge")))
    models = open_models(profile, cache, budget=budget)
    try:
        yield models
    finally:
        models.close()


def papillon(models: Models) -> PAPILLON:
    program = PAPILLON(untrusted_model=UntrustedModel(models.lm("untrusted")))
    program.set_lm(models.lm("local"))
    return program


def sample(models: Models) -> Outcome:
    async def one() -> Outcome:
        with dspy.context(adapter=models.adapter("local")):
            return await evaluate(papillon(models), LLMJudge(models), example(), trial=0, order=0)

    return models.loop.run(one())


def only(model: str, failure: Failure) -> Callable[[dict[str, Any], int], Failure | None]:
    return lambda body, number: failure if body["model"] == model else None


def saying(model: str, text: str, *, when: str = "") -> Callable[[dict[str, Any]], str | None]:
    def rule(body: dict[str, Any]) -> str | None:
        return text if body["model"] == model and when in body["messages"][-1]["content"] else None

    return rule


class TestWithModels:
    """The same table with PAPILLON, its models on a server and the LLM judge."""

    def test_six_calls_make_a_row_that_rests_on_them(self, tmp_path: Path) -> None:
        with ModelServer() as server, served(server, tmp_path) as models:
            found = sample(models)
            assert found.row.status == "scored"
            assert server.calls == len(found.calls) == 6
            assert found.calls == dict.fromkeys(models.ledger.used, 1)
            (sent,) = (body for body in server.bodies if body["model"] == "untrusted")
            assert QUERY not in str(sent)

    @pytest.mark.parametrize(
        ("when", "asked"), [("llm_request", {"local"}), ("related_llm_response", {"local", "untrusted", "judge"})]
    )
    def test_rubbish_from_the_local_model_is_a_program_error(self, tmp_path: Path, when: str, asked: set[str]) -> None:
        field = f"[[ ## {when} ## ]]"
        with (
            ModelServer(rule=saying("local", "rubbish", when=field)) as server,
            served(server, tmp_path, json_fallback=False) as models,
        ):
            row = sample(models).row
            assert row.status == "program_error"
            assert row.error is not None
            assert row.error.startswith("A model's output was not in the program's format: ")
            assert (row.overall, row.tutorial_overall) == (0.0, 0.0)
            assert {body["model"] for body in server.bodies} == asked

    @pytest.mark.parametrize("model", ["local", "untrusted"])
    def test_a_prompt_that_does_not_fit_is_a_program_error(self, tmp_path: Path, model: str) -> None:
        too_long = (400, {}, '{"error": {"code": "context_length_exceeded", "message": "maximum context length"}}')
        with ModelServer(failing=only(model, too_long)) as server, served(server, tmp_path) as models:
            row = sample(models).row
        assert row.status == "program_error"
        assert row.error is not None
        assert row.error.startswith("A prompt did not fit the model: ")

    @pytest.mark.parametrize("model", ["local", "untrusted", "judge"])
    def test_a_server_that_fails_past_its_retries_gives_no_score(self, tmp_path: Path, model: str) -> None:
        with ModelServer(failing=only(model, (500, {}, ""))) as server, served(server, tmp_path) as models:
            row = sample(models).row
        assert without_scores(row)
        assert row.error is not None
        assert f"Model {model} at {server.base} answered with status 500" in row.error

    def test_a_judge_that_answers_rubbish_gives_no_score(self, tmp_path: Path) -> None:
        with ModelServer(rule=saying("judge", "rubbish")) as server, served(server, tmp_path) as models:
            row = sample(models).row
        assert without_scores(row)
        assert row.error is not None
        assert row.error.startswith("The judge openai/judge gave no usable answer to its ")

    @pytest.mark.parametrize("cap", [0, 1, 2, 5])
    def test_a_spent_budget_gives_no_score(self, tmp_path: Path, cap: int) -> None:
        with ModelServer() as server, served(server, tmp_path, Budget(max_calls=cap)) as models:
            row = sample(models).row
            assert server.calls == cap
        assert without_scores(row)
        assert row.error is not None
        assert row.error.startswith(f"The cap of {cap} calls (--eval-max-calls) is reached")

    def test_a_call_in_flight_is_recorded_also_when_the_rest_of_its_row_fails(self, tmp_path: Path) -> None:
        # The judge is being asked when the program's next call is refused: that answer will be paid for.
        def refuse_response(body: dict[str, Any], number: int) -> Failure | None:
            return (400, {}, "") if "related_llm_response" in str(body["messages"][-1]) else None

        class Late(ModelServer):
            async def _complete(self, request: Any) -> Any:
                body = await request.json()
                await asyncio.sleep(0.3 if body["model"] == "judge" else 0.0)
                return await super()._complete(request)

        with Late(failing=refuse_response) as server, served(server, tmp_path) as models:
            assert without_scores(sample(models).row)
            assert len(server.asked('"judge"')) == 1
            assert models.ledger.made == 3
