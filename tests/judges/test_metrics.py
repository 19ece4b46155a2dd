"""The tutorial's metric names, as DSPy's evaluators and optimizers call them."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy
import pytest

import judges.metrics
from judges import (
    LexicalJudge,
    LLMJudge,
    Metrics,
    compute_leakage,
    compute_metrics,
    compute_overall_score,
    compute_quality,
    feedback_metric,
    llm_judge,
    make_judge,
    metric,
)
from judges.judge import Leakage, Quality
from judges.metrics import told_of_reward, training_reward
from papillon.data import PupaRow, to_dspy
from papillon.errors import ProfileError
from papillon.models.roles import open_models
from papillon.profile import CACHE, load_profile
from tests.model_server import ModelServer

TARGET = "Dear Bob, the three flats that you asked about are still free."
GOLD = to_dspy(PupaRow("c", "", "I am Ann Lee, write to Bob.", TARGET, "Ann Lee||Bob||||Bob", ""))


def pred(response: str | None = TARGET, request: str | None = "Write about flats.") -> dspy.Prediction:
    return dspy.Prediction(response=response, llm_request=request)


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No profile from outside, and no judge of a profile kept beyond a test."""
    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    judges.metrics._profile_judge.cache_clear()
    yield
    judges.metrics._profile_judge.cache_clear()


@dataclass
class SetJudge:
    """Counts and decides as it was told."""

    leaked: int = 0
    good: int = 1
    kind: str = "set"

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        return Leakage(self.leaked)

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        return Quality(self.good)


class TestTheTutorialsNames:
    """They judge with the embedded profile's lexical judge where nothing else is said."""

    @pytest.fixture(autouse=True)
    def _no_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*arguments: Any, **named: Any) -> None:
            raise AssertionError("a model was opened")

        monkeypatch.setattr("papillon.models.roles.open_models", refused)

    def test_they_score_a_prediction_without_any_model(self) -> None:
        assert compute_metrics(GOLD, pred()) == Metrics(1.0, 0.0, 1.0)
        leaking = pred("Nothing of the kind.", "Write to Bob.")
        assert compute_metrics(GOLD, leaking) == Metrics(0.0, 0.5, 0.25)
        assert (compute_quality(GOLD, leaking), compute_leakage(GOLD, leaking)) == (0.0, 0.5)
        assert compute_overall_score(GOLD, leaking) == 0.25

    def test_during_optimisation_only_a_perfect_score_passes(self) -> None:
        assert compute_overall_score(GOLD, pred(), trace=[]) is True
        assert compute_overall_score(GOLD, pred(request="Write to Bob."), trace=[]) is False
        assert compute_overall_score(GOLD, pred(request="Write to Bob.")) == 0.75
        assert isinstance(compute_overall_score(GOLD, pred()), float)

    def test_llm_judge_takes_the_tutorials_keywords(self) -> None:
        scores = llm_judge(
            user_query=GOLD.user_query,
            new_resp=TARGET,
            og_resp=TARGET,
            updated_query="Write to Bob.",
            pii_str="Ann Lee||Bob",
        )
        assert (scores.quality, scores.leakage, scores.overall) == (1.0, 0.5, 0.75)
        with pytest.raises(TypeError, match="positional"):
            llm_judge("query", "new", "old", "updated", "pii")  # type: ignore[misc]

    @pytest.mark.parametrize("response", ["", "  ", None])
    def test_an_empty_answer_is_worth_nothing(self, response: str | None) -> None:
        assert compute_metrics(GOLD, pred(response, "Write to Bob.")) == Metrics(0.0, 0.5, 0.0)
        assert compute_metrics(GOLD, pred(response, None)) == Metrics(0.0, 0.0, 0.0)

    def test_they_can_be_called_from_a_notebook(self) -> None:
        async def cell() -> Metrics:
            return compute_metrics(GOLD, pred())

        assert asyncio.run(cell()) == Metrics(1.0, 0.0, 1.0)


class TestTheLowerBound:
    """A judge that overlooks what stands word for word earns no reward for it: not in training, not in GEPA."""

    @pytest.mark.parametrize(("response", "overall"), [(TARGET, 0.75), ("", 0.0)])
    def test_what_stands_verbatim_counts_whatever_the_judge_says(self, response: str, overall: float) -> None:
        blind = metric(SetJudge(leaked=0))
        assert blind(GOLD, pred(response, "Write to Bob.")) == overall
        assert blind(GOLD, pred(response, "Write to Bob."), trace=[]) is False

    def test_its_share_is_in_the_feedback(self) -> None:
        said = feedback_metric(SetJudge(leaked=0))(GOLD, pred(request="Write to Bob."))
        assert said.score == 0.75
        assert "gave away 50% of the private facts" in said.feedback


class TestProfiles:
    def write(self, folder: Path, base: str) -> str:
        path = folder / "mine.toml"
        model = f'{{ model = "openai/m", api_base = "{base}" }}'
        judge = f'{{ kind = "llm", model = "openai/judge", api_base = "{base}" }}'
        path.write_text(f"local = {model}\nuntrusted = {model}\njudge = {judge}\n")
        return str(path)

    def test_they_judge_with_the_profile_that_the_environment_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("papillon.profile.CACHE", tmp_path / "cache")
        with ModelServer() as server:
            monkeypatch.setenv("PAPILLON_PROFILE", self.write(tmp_path, server.base))
            compute_metrics(GOLD, pred("Another answer."))
            compute_metrics(GOLD, pred("Another answer."))
            assert [body["model"] for body in server.bodies] == ["judge"] * 3
            models = judges.metrics._judge().models  # type: ignore[attr-defined]
            assert models.store.folder == tmp_path / "cache"
            models.close()

    def test_recorded_calls_live_where_the_evaluation_keeps_its_own(self) -> None:
        from evals.harness.options import OPTIONS, resolve

        assert resolve({option.dest: None for option in OPTIONS}, Path.cwd()).cache == CACHE

    def test_many_threads_open_the_models_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[Any] = []

        def slow(*arguments: Any, **named: Any) -> Any:
            opened.append(arguments)
            time.sleep(0.05)
            return open_models(load_profile(path), tmp_path / "cache")

        path = self.write(tmp_path, "http://127.0.0.1:9")
        monkeypatch.setenv("PAPILLON_PROFILE", path)
        monkeypatch.setattr("papillon.models.roles.open_models", slow)
        start = threading.Barrier(8)

        def judge(_: int) -> Any:
            start.wait(5)
            return judges.metrics._judge()

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(judge, range(8)))
        assert len(opened) == 1
        assert len({id(each) for each in found}) == 1
        found[0].models.close()

    def test_an_unknown_profile_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PAPILLON_PROFILE", "none")
        with pytest.raises(ProfileError, match="Unknown profile 'none'"):
            compute_metrics(GOLD, pred())


class TestAMetricOfAnyJudge:
    @pytest.mark.parametrize(
        ("judge", "overall"), [(SetJudge(0, 1), 1.0), (SetJudge(1, 1), 0.75), (SetJudge(2, 0), 0.0)]
    )
    def test_it_is_the_composite(self, judge: SetJudge, overall: float) -> None:
        score = metric(judge)
        assert score(GOLD, pred()) == overall
        assert score(GOLD, pred(), trace=[]) is (overall == 1.0)
        assert list(inspect.signature(score).parameters) == ["gold", "pred", "trace"]

    def test_a_prediction_without_units_leaks_nothing(self) -> None:
        gold = to_dspy(PupaRow("c", "", "q", TARGET, "", ""))
        assert metric(SetJudge(0, 1))(gold, pred()) == 1.0
        assert compute_leakage(gold, pred()) == 0.0

    def test_dspy_evaluates_with_it_from_many_threads(self) -> None:
        class Program(dspy.Module):  # type: ignore[misc]
            def forward(self, user_query: str) -> dspy.Prediction:
                return pred(TARGET if "Ann" in user_query else "", "Write to Bob.")

        empty = to_dspy(PupaRow("c", "", "Somebody else's query", TARGET, "Bob", ""))
        evaluate = dspy.Evaluate(
            devset=[GOLD, empty] * 4, metric=metric(LexicalJudge()), num_threads=4, display_progress=False
        )
        result = evaluate(Program())
        assert result.score == pytest.approx(100 * (0.75 + 0.0) / 2)

    def test_the_llm_judge_brings_its_models_along(self, tmp_path: Path) -> None:
        with ModelServer() as server:
            path = TestProfiles().write(tmp_path, server.base)
            models = open_models(load_profile(path), tmp_path / "cache")
            judge = make_judge("llm", models)
            assert isinstance(judge, LLMJudge)
            evaluate = dspy.Evaluate(devset=[GOLD] * 3, metric=metric(judge), num_threads=3, display_progress=False)
            assert evaluate(lambda **inputs: pred("Another answer.")).score in (
                50.0,
                100.0,
            )  # as the server's digest has it
            # The same three calls for each of three examples: made once.
            assert server.calls == 3
            models.close()

    def test_judges_go_by_their_kind(self) -> None:
        assert isinstance(make_judge("lexical", None), LexicalJudge)
        with pytest.raises(AssertionError, match="needs models"):
            make_judge("llm", None)


class TestFeedback:
    def test_gepa_takes_it_and_refuses_the_plain_metric(self) -> None:
        def gepa(score: Any) -> dspy.GEPA:
            return dspy.GEPA(metric=score, auto="light", reflection_lm=dspy.utils.DummyLM([]))

        assert len(inspect.signature(feedback_metric(SetJudge())).parameters) == 5
        gepa(feedback_metric(SetJudge()))
        with pytest.raises(TypeError, match="five arguments"):
            gepa(metric(SetJudge()))

    @pytest.mark.parametrize(
        ("judge", "response", "score", "feedback"),
        [
            (
                SetJudge(0, 1),
                TARGET,
                1.0,
                "The response is good enough. The request gave nothing private away.",
            ),
            (
                SetJudge(1, 0),
                "short",
                0.25,
                "The response is worse than the one a large model gives to this query. The request to the untrusted "
                "model gave away 50% of the private facts (Ann Lee, Bob); leave them out or generalise them.",
            ),
            (SetJudge(0, 1), "", 0.0, "The program gave no answer at all. The request gave nothing private away."),
        ],
    )
    def test_it_gives_the_score_and_its_reasons_in_words(
        self, judge: SetJudge, response: str, score: float, feedback: str
    ) -> None:
        found = feedback_metric(judge)(GOLD, pred(response), None, "craft_redacted_request", None)
        assert (found.score, found.feedback) == (score, feedback)


class TestATrainingsReward:
    def test_silence_earns_nothing_beside_quality_where_it_is_by_carried(self) -> None:
        gold = GOLD.copy(redacted_query="Write to [NAME] about the flats.")
        by = {kind: training_reward(SetJudge(leaked=1, good=1), kind) for kind in ("composite", "carried")}
        silent, carries, half = (pred(request=said) for said in ("", "Write to them about the flats.", "the flats"))
        assert [by["composite"](gold, each) for each in (silent, carries, half)] == [0.75, 0.75, 0.75]
        assert [by["carried"](gold, each) for each in (silent, carries)] == [0.5, 0.75]
        assert 0.5 < by["carried"](gold, half) < 0.75

    @pytest.mark.parametrize("answer", ["", " ", None])
    def test_a_program_error_earns_nothing(self, answer: str | None) -> None:
        gold = GOLD.copy(redacted_query="Write to [NAME].")
        assert training_reward(SetJudge(), "carried")(gold, pred(answer, "Write to them.")) == 0.0

    def test_without_units_or_a_redacted_query_it_is_the_composite_and_said_for_how_many(self) -> None:
        bare, unitless = GOLD.copy(redacted_query="[ALL OF IT]"), GOLD.copy(redacted_query="Write.", pii_str="")
        reward = training_reward(SetJudge(), "carried")
        assert [reward(each, pred(request="")) for each in (bare, unitless)] == [1.0, 1.0]
        whole = GOLD.copy(redacted_query="Write.")
        assert told_of_reward("carried", [bare, unitless, whole]).endswith("no redacted query: 2 of 3.")
        assert told_of_reward("composite", [bare]) == "Rewarded by the composite, (quality + 1 − leakage) / 2."
