"""Prompt optimisation: what it finds, what it spends, what ends it, and what the untrusted model gets to see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import LMUnexpectedError

from judges import LexicalJudge, feedback_metric
from papillon import PAPILLON, load, to_dspy
from papillon.errors import (
    BudgetSpent,
    EndpointError,
    Filtered,
    InfrastructureError,
    JudgeError,
    Unreachable,
    UsageError,
)
from papillon.models.roles import Models, open_models
from papillon.optimization.optimizing import OPTIMIZERS, Optimized, optimize
from papillon.profile import load_profile
from tests.harness.test_outages import free_port
from tests.model_server import ModelServer, answer_fields

ROWS = load("mini").rows[:12]
EXAMPLES = [to_dspy(row) for row in ROWS]
OTHERS = [name for name in OPTIMIZERS if name != "mipro"]


@pytest.fixture(params=OPTIMIZERS)
def optimizer(request: pytest.FixtureRequest) -> Any:
    if request.param == "mipro":
        pytest.importorskip("optuna", reason="MIPROv2 needs optuna: pip install 'papillon-evals[optimize]'")
    return request.param


def better_when_told() -> Callable[[dict[str, Any]], str | None]:
    """The final answer is the target where the prompt was worked on, or at every second draw; else it is poor."""
    draws = count()

    def rule(body: dict[str, Any]) -> str | None:
        text, messages = answer_fields(body), body["messages"]
        if not text.startswith("[[ ## response ## ]]"):
            return None
        worked_on = "instruction numbered" in messages[0]["content"] or len(messages) > 2
        if not worked_on and not (body.get("temperature") == 1.0 and next(draws) % 2):
            return None
        prompt = messages[-1]["content"]
        target = next((row.target_response for row in ROWS if row.user_query in prompt), "No idea.")
        return f"[[ ## response ## ]]\n{target}\n\n[[ ## completed ## ]]"

    return rule


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(rule=better_when_told()) as server:
        yield server


def profile(folder: Path, base: str, **keys: str) -> str:
    path = folder / "own.toml"
    lines = [
        f'{role} = {{ model = "openai/{role}", api_base = "{base}", endpoint = "{role}", max_attempts = 1 }}'
        for role in ("local", "untrusted")
    ]
    lines.append('judge = { kind = "lexical" }')
    path.write_text("\n".join([*lines, *(f'{key} = "{value}"' for key, value in keys.items())]))
    return str(path)


class Optimising:
    """Runs an optimizer over the loopback server's models, each time with models opened anew over one store."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        self.folder, self.server = folder, server
        self.said: list[str] = []

    def models(self) -> Models:
        return open_models(load_profile(profile(self.folder, self.server.base)), self.folder / "cache")

    def __call__(self, optimizer: Any, max_calls: int, *, metric: Any = None, seed: int = 0) -> Optimized:
        models = self.models()
        try:
            return optimize(
                optimizer,
                PAPILLON(untrusted_model=str),
                EXAMPLES,
                metric or feedback_metric(LexicalJudge()),
                models,
                max_calls=max_calls,
                threads=2,
                seed=seed,
                log=self.folder / "log",
                say=self.said.append,
            )
        finally:
            models.close()


@pytest.fixture
def run(tmp_path: Path, server: ModelServer) -> Optimising:
    return Optimising(tmp_path, server)


def prompts(program: dspy.Module) -> str:
    return json.dumps(
        [(each.signature.instructions, [dict(demo) for demo in each.demos]) for each in program.predictors()]
    )


UNCHANGED = prompts(PAPILLON(untrusted_model=str))


class TestWhatItFinds:
    def test_a_better_prompt_where_there_is_one(
        self, run: Optimising, optimizer: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = run(optimizer, 90)
        assert found.before == 0.5
        assert found.after == 1.0
        assert prompts(found.program) != UNCHANGED
        calls = 3 * found.validation
        assert run.said[0] == (
            f"  candidate 1, after {calls} of 90 calls: 0.500 on {found.validation} validation examples, best 0.500"
        )
        assert any(line.endswith("best 1.000") for line in run.said)
        said = capsys.readouterr()
        assert said.out + said.err == ""

    def test_the_program_itself_where_nothing_beats_it(self, run: Optimising, optimizer: Any) -> None:
        found = run(optimizer, 60, metric=lambda gold, pred: dspy.Prediction(score=0.25, feedback="So so."))
        assert (found.before, found.after) == (0.25, 0.25)
        assert prompts(found.program) == UNCHANGED

    def test_an_answer_without_the_format_is_a_score_of_0(self, tmp_path: Path) -> None:
        query = EXAMPLES[3].user_query

        def rule(body: dict[str, Any]) -> str | None:
            return "rubbish" if query in body["messages"][-1]["content"] else None

        with ModelServer(rule=rule) as server:
            run = Optimising(tmp_path, server)
            with_it = next(seed for seed in range(50) if query in chosen_by(seed))
            found = run("simba", 40, seed=with_it)
        assert found.ended is None
        assert found.before == 0.5 * (1 - 1 / found.validation)

    def test_too_few_examples_are_refused(self, run: Optimising) -> None:
        models = run.models()
        try:
            with pytest.raises(UsageError, match="at least 2 different queries in the train split, got 1; use"):
                optimize(
                    "gepa",
                    PAPILLON(str),
                    EXAMPLES[:1] * 3,
                    feedback_metric(LexicalJudge()),
                    models,
                    max_calls=9,
                    log=run.folder / "log",
                )
        finally:
            models.close()


def chosen_by(seed: int, calls: int = 40) -> set[str]:
    from papillon.optimization.optimizing import _parts

    return {example.user_query for example in _parts(EXAMPLES, calls // 3, seed)[1]}


class TestWhatItSpends:
    @pytest.mark.parametrize("cap", [1, 7, 25])
    def test_never_more_than_the_cap_and_its_end_is_no_failure(
        self, run: Optimising, server: ModelServer, optimizer: Any, cap: int
    ) -> None:
        found = run(optimizer, cap)
        assert isinstance(found.ended, BudgetSpent) or len(found.calls) < cap
        assert server.calls == found.made == len(found.calls) <= cap
        if cap == 1:
            assert isinstance(found.ended, BudgetSpent)
            assert (found.before, found.after) == (None, None)
            assert prompts(found.program) == UNCHANGED
            # Ended from within: no evaluation went on to an average with zeros in it.
            assert "Average Metric" not in (run.folder / "log").read_text()

    def test_nor_where_recorded_calls_come_all_at_once(self, run: Optimising, optimizer: Any) -> None:
        run(optimizer, 50)
        for cap in (8, 11, 14, 17, 20, 23, 26):
            assert len(run(optimizer, cap).calls) <= cap

    def test_what_was_better_when_the_calls_ran_out_is_kept(self, run: Optimising) -> None:
        caps = range(30, 75, 4)
        found = next(found for cap in caps if (found := run("gepa", cap)).after == 1.0 and found.ended)
        assert isinstance(found.ended, BudgetSpent)
        assert "instruction numbered" in prompts(found.program)

    def test_again_for_nothing_with_the_same_outcome(
        self, run: Optimising, server: ModelServer, optimizer: Any
    ) -> None:
        first = run(optimizer, 50)
        paid = server.calls
        second = run(optimizer, 50)
        assert server.calls == paid
        assert second.made == 0
        assert second.calls == first.calls
        assert prompts(second.program) == prompts(first.program)

    def test_the_cap_is_lifted_afterwards(self, run: Optimising) -> None:
        models = run.models()
        try:
            optimize(
                "simba",
                PAPILLON(str),
                EXAMPLES,
                feedback_metric(LexicalJudge()),
                models,
                max_calls=1,
                log=run.folder / "log",
            )
            assert models.lm("untrusted")("Anything else?")
        finally:
            models.close()

    def test_another_draw_of_the_same_prompt_is_another_call(self, run: Optimising, server: ModelServer) -> None:
        from papillon.optimization.candidates import CandidateWatch

        models = run.models()
        try:
            lm = CandidateWatch(EXAMPLES, feedback_metric(LexicalJudge()), lambda: 0, 9, print).lm(models, "local")
            for rollout in (1, 2, 10**9, 1, 2, 10**9):
                lm.copy(rollout_id=rollout, temperature=1.0)("The same prompt.")
        finally:
            models.close()
        assert server.calls == 3


class TestWhatLeaves:
    def test_the_untrusted_model_receives_the_request_and_nothing_else(
        self, run: Optimising, server: ModelServer, optimizer: Any
    ) -> None:
        run(optimizer, 90)
        crafted = {
            text.partition("[[ ## llm_request ## ]]\n")[2].partition("\n")[0]
            for body in server.bodies
            if "[[ ## llm_request ## ]]" in (text := answer_fields(body))
        }
        sent = [body for body in server.bodies if body["model"] == "untrusted"]
        assert sent
        for body in sent:
            (message,) = body["messages"]
            assert message["content"] in crafted
        # The optimizer did ask on its own account, or drew anew, and showed queries when it did.
        own = [body for body in server.bodies if body not in sent]
        asked = {"gepa": "new_instruction", "mipro": "proposed_instruction", "simba": '"temperature": 1.0'}[optimizer]
        assert any(asked in json.dumps(body) for body in own)
        assert {body["model"] for body in server.bodies} == {"local", "untrusted"}


class TestFailures:
    def test_a_model_that_fails_ends_it_and_is_no_score(self, tmp_path: Path, optimizer: Any) -> None:
        def failing(body: dict[str, Any], number: int) -> Any:
            return (500, {}, "broken") if number > 20 else None

        with ModelServer(rule=better_when_told(), failing=failing) as server:
            run = Optimising(tmp_path, server)
            found = run(optimizer, 90)
            assert server.calls <= 22
        assert isinstance(found.ended, EndpointError)
        assert "500" in str(found.ended)
        assert found.before in (None, 0.5)

    def test_so_does_a_judge(self, run: Optimising, server: ModelServer, optimizer: Any) -> None:
        judged = count()

        def metric(gold: Any, pred: Any) -> Any:
            if next(judged) >= 3:
                raise JudgeError("The judge is out.")
            return dspy.Prediction(score=1.0, feedback="Fine.")

        found = run(optimizer, 90, metric=metric)
        assert str(found.ended) == "The judge is out."
        assert server.calls <= 5 * 3
        assert found.before is None

    @pytest.mark.parametrize("raised", [Filtered("The filter of j."), LMUnexpectedError("wrapped")])
    def test_an_example_whose_judging_a_filter_refuses_counts_for_no_candidate(
        self, run: Optimising, optimizer: Any, raised: Exception
    ) -> None:
        if not isinstance(raised, Filtered):
            raised.__cause__ = Filtered("The filter of j.")
        query = next(example.user_query for example in EXAMPLES if example.user_query in chosen_by(0, 90))
        judged, inner = list[str](), feedback_metric(LexicalJudge())

        def metric(gold: Any, pred: Any) -> Any:
            judged.append(gold.user_query)
            if gold.user_query == query:
                raise raised
            return inner(gold, pred)

        found = run(optimizer, 90, metric=metric)
        assert found.ended is None or isinstance(found.ended, BudgetSpent)
        assert (found.before, found.after) == (0.5, 1.0)
        assert found.validation == len(chosen_by(0, 90)) - 1
        place = next(n for n, example in enumerate(EXAMPLES) if example.user_query == query)
        told = [line for line in run.said if "left out" in line]
        assert told == [f"  train-{place:04d} is left out for every candidate: The filter of j."]
        assert judged.count(query) <= 2  # those that were under way together

    def test_a_filter_that_refuses_all_judging_ends_it(self, run: Optimising, optimizer: Any) -> None:
        def metric(gold: Any, pred: Any) -> Any:
            raise Filtered("The filter of j.")

        found = run(optimizer, 90, metric=metric)
        assert str(found.ended) == "The filter of j."
        assert (found.before, found.after) == (None, None)
        assert prompts(found.program) == UNCHANGED

    @pytest.mark.parametrize("who", ["model", "judge"])
    def test_a_server_that_could_not_be_reached_is_tried_once_more(self, tmp_path: Path, who: str) -> None:
        out, inner = count(), feedback_metric(LexicalJudge())

        def metric(gold: Any, pred: Any) -> Any:
            if who == "judge" and next(out) == 3:
                raise Unreachable("Model j cannot be reached.")
            return inner(gold, pred)

        port, again = free_port(), list[str]()
        path = Path(profile(tmp_path, f"http://127.0.0.1:{port}/v1"))
        path.write_text(path.read_text().replace("max_attempts = 1", "deadline = 0.3"))
        with ExitStack() as stack:
            serve = partial(stack.enter_context, ModelServer(rule=better_when_told(), port=port))
            if who == "judge":
                serve()
            models = open_models(load_profile(str(path)), tmp_path / "cache")

            def back() -> set[str]:
                if who == "model" and not again:
                    serve()
                again.append("back")
                return type(models).reach_again(models)

            models.reach_again = back  # type: ignore[method-assign]
            try:
                found = optimize(
                    "simba", PAPILLON(str), EXAMPLES, metric, models, max_calls=40, threads=1, log=tmp_path / "log"
                )
            finally:
                models.close()
        assert again == ["back"]
        assert found.ended is None
        assert found.before == 0.5

    def test_a_prompt_that_a_filter_refuses_is_a_bad_score_and_ends_nothing(self, tmp_path: Path) -> None:
        flagged = (403, {}, '{"error": {"message": "Your input was flagged."}}')

        def failing(body: dict[str, Any], number: int) -> Any:
            return flagged if ROWS[0].user_query in body["messages"][-1]["content"] else None

        with ModelServer(rule=better_when_told(), failing=failing) as server:
            found = Optimising(tmp_path, server)("gepa", 60)
        assert found.ended is None or isinstance(found.ended, BudgetSpent)
        assert found.before is not None

    def test_a_fault_of_the_program_is_named(self, run: Optimising, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("papillon.program._crafted_request", lambda crafted: {}["llm_request"])
        found = run("gepa", 60)
        assert isinstance(found.ended, InfrastructureError)
        assert str(found.ended) == "KeyError: 'llm_request'"
