"""What becomes of rollouts in DSPy's own gathering of them; needs neither torch nor a language model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import dspy
import pytest
from dspy.teleprompt.bootstrap_trace import FailedPrediction, bootstrap_trace_data
from dspy.utils.exceptions import AdapterParseError, LMUnexpectedError

from papillon.errors import EndpointError, Filtered
from papillon.models.adapters import adapter_for
from papillon.program import PAPILLON
from papillon.training.grpo.rollouts import RolloutCounts, RolloutWatch
from tests.fakes import scripted_lm

CRAFTED = (
    "[[ ## reasoning ## ]]\nLeave the name out.\n\n[[ ## llm_request ## ]]\nWrite a letter.\n\n[[ ## completed ## ]]"
)
ANSWERED = "[[ ## response ## ]]\nHere is a letter.\n\n[[ ## completed ## ]]"
HALF = "[[ ## reasoning ## ]]\nLeave the name out, and then"
EXAMPLE = dspy.Example(user_query="Write for Ann.", target_response="x", pii_str="Ann").with_inputs("user_query")


def gathered(
    outputs: list[str],
    untrusted: Callable[[str], Any] = lambda request: "Dear Sir,",
    metric: Callable[..., Any] = lambda example, prediction: 0.75,
) -> tuple[list[Any], RolloutWatch]:
    """What DSPy keeps of one rollout with these outputs, and the watch over it."""
    program = PAPILLON(untrusted_model=untrusted)
    following = iter(outputs)
    program.set_lm(scripted_lm(lambda prompt: next(following)))
    watch = RolloutWatch(program, metric)
    with watch.watching(), dspy.context(adapter=adapter_for("chat", json_fallback=False)):
        kept = bootstrap_trace_data(
            program, [EXAMPLE], metric=watch.metric, num_threads=1, raise_on_error=False, capture_failed_parses=True
        )
    return kept, watch


def test_a_rollout_that_answers_gets_the_metric() -> None:
    kept, watch = gathered([CRAFTED, ANSWERED])
    assert [rollout["score"] for rollout in kept] == [0.75]
    assert watch.counts() == RolloutCounts(rollouts=1, scored=1)
    assert watch.counts() == RolloutCounts()  # each look begins anew


def test_a_rounds_line_has_the_requests_of_rollouts_and_not_of_validations() -> None:
    _, watch = gathered([CRAFTED, ANSWERED])
    watch.metric(EXAMPLE, dspy.Prediction(llm_request="", response="Validated."))
    assert watch.told()["requests"] == {"seen": 1, "empty": 0, "prompt": 0, "query": 0, "words": 3}


def test_a_program_that_asks_nobody_has_no_requests_and_one_that_says_nothing_has_empty_ones() -> None:
    program = dspy.Predict("user_query -> response")
    program.set_lm(scripted_lm(lambda prompt: ANSWERED))
    for given, seen in (({}, 0), ({"llm_request": ""}, 1), ({"llm_request": None}, 1)):
        watch = RolloutWatch(program, lambda example, prediction: 0.75)
        prediction = dspy.Prediction(response="Here.", **given)
        vars(prediction)["_papillon_rollout"] = True
        watch.metric(EXAMPLE, prediction)
        requests = watch.told()["requests"]
        assert (requests["seen"], requests["empty"]) == (seen, seen)


def test_a_draft_in_a_rollouts_thinking_is_not_sent_and_the_text_of_a_failure_is_the_models_own() -> None:
    sent: list[str] = []

    def untrusted(request: str) -> str:
        sent.append(request)
        return "Dear Sir,"

    draft = f"<think>\n{CRAFTED.replace('a letter', 'to Ann')}\n</think>\n"
    kept, _ = gathered([draft + CRAFTED, draft + "no format"], untrusted)
    assert sent == ["Write a letter."]
    assert kept[0]["prediction"].completion_text == draft + "no format"


@pytest.mark.parametrize("outputs", [["no format"], [CRAFTED, "no format"]])
def test_an_output_without_any_format_gets_the_penalty(outputs: list[str]) -> None:
    kept, watch = gathered(outputs)
    assert [rollout["score"] for rollout in kept] == [-1]
    assert isinstance(kept[0]["prediction"], FailedPrediction)
    assert watch.counts() == RolloutCounts(rollouts=1, format_failures=1)


@pytest.mark.parametrize(
    ("outputs", "module", "asked"),
    [
        (["no format"], "craft_redacted_request.predict", ["user_query"]),
        ([CRAFTED, "no format"], "respond_to_query", ["related_llm_request", "related_llm_response", "user_query"]),
    ],
)
def test_an_output_without_any_format_is_learned_after_the_prompt_that_it_answered(
    outputs: list[str], module: str, asked: list[str]
) -> None:
    # DSPy puts the program's inputs in the place of the module's own.
    kept, watch = gathered(outputs)
    predictor, inputs, failed = kept[0]["trace"][-1]
    assert isinstance(failed, FailedPrediction)
    assert predictor is dict(watch.program.named_predictors())[module]
    assert sorted(inputs) == asked
    assert inputs.get("related_llm_response", "Dear Sir,") == "Dear Sir,"


def test_an_output_that_has_the_format_in_part_gets_the_penalty_too() -> None:
    # Lost, as DSPy has it, its group would be filled up with copies of those that hit the format.
    kept, watch = gathered([HALF])
    assert [rollout["score"] for rollout in kept] == [-1]
    assert kept[0]["prediction"].completion_text == HALF
    assert watch.counts() == RolloutCounts(rollouts=1, format_failures=1)


@pytest.mark.parametrize("error", [RuntimeError("hung up"), ValueError("not JSON"), EndpointError("gone")])
def test_a_failed_untrusted_model_drops_the_rollout(error: Exception) -> None:
    def fails(request: str) -> str:
        raise error

    kept, watch = gathered([CRAFTED], fails)
    assert kept == []
    assert watch.counts() == RolloutCounts(rollouts=1, dropped=1)
    assert watch.last_failure is not None
    assert str(error) in watch.last_failure


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_request_that_a_filter_refuses_gets_the_penalty_and_a_validation_the_failures_score(wrapped: bool) -> None:
    def refuses(request: str) -> str:
        try:
            raise Filtered("The filter of m.")
        except Filtered as error:
            if not wrapped:
                raise
            raise LMUnexpectedError("wrapped by DSPy") from error

    kept, watch = gathered([CRAFTED], refuses)
    assert [rollout["score"] for rollout in kept] == [-1]
    assert watch.counts() == RolloutCounts(rollouts=1, format_failures=1)
    assert watch.in_vain == 0
    watch.program.set_lm(scripted_lm(lambda prompt: CRAFTED))
    with watch.watching(), dspy.context(adapter=adapter_for("chat", json_fallback=False)):
        assert watch.metric(EXAMPLE, watch.program(user_query="Write for Ann.")) == 0.0
    assert watch.counts() == RolloutCounts()


def test_servers_are_tried_again_before_each_round() -> None:
    again: list[str] = []
    watch = RolloutWatch(PAPILLON(str), lambda *given: 1.0, reach_again=lambda: again.append("again"))
    for _ in range(2):
        watch.check(8)
    assert again == ["again"] * 2


def test_a_failed_judge_drops_the_rollout() -> None:
    def fails(example: Any, prediction: Any) -> float:
        raise RuntimeError("no verdict")

    kept, watch = gathered([CRAFTED, ANSWERED], metric=fails)
    assert kept == []
    assert watch.counts() == RolloutCounts(rollouts=1, dropped=1)
    assert watch.last_failure == "RuntimeError: no verdict"


def test_an_empty_answer_is_worth_nothing_whatever_the_metric_says() -> None:
    kept, watch = gathered([CRAFTED], untrusted=lambda request: "")
    assert [rollout["score"] for rollout in kept] == [0.0]
    assert watch.counts() == RolloutCounts(rollouts=1, scored=1)


def test_a_prediction_that_lies_where_a_rollouts_lay_is_not_taken_for_it() -> None:
    def patched_forward(**kwargs: Any) -> tuple[dspy.Prediction, list[Any]]:  # DSPy's name for a rollout's
        return dspy.Prediction(response="Dear Ann,"), []

    def fails(example: Any, prediction: Any) -> float:
        raise RuntimeError("no verdict")

    watch = RolloutWatch(PAPILLON(str), fails)
    watch.program.forward = patched_forward
    with watch.watching():
        unseen, _ = watch.program(user_query="Write for Ann.")  # by the metric
        place = id(unseen)
        del unseen
        others = [dspy.Prediction(response="Dear Bob,") for _ in range(1000)]
        there = [other for other in others if id(other) == place]
        for prediction in there or others[:1]:
            with pytest.raises(RuntimeError, match="no verdict"):
                watch.metric(EXAMPLE, prediction)
    assert watch.counts() == RolloutCounts(rollouts=1, scored=1, unvalidated=1)


def test_validation_is_not_counted_and_the_program_is_as_before() -> None:
    def untrusted(request: str) -> str:
        return "Dear Sir,"

    program = PAPILLON(untrusted_model=untrusted)
    outputs = iter([CRAFTED, ANSWERED])
    program.set_lm(scripted_lm(lambda prompt: next(outputs)))
    watch = RolloutWatch(program, lambda example, prediction: 0.75)
    with watch.watching(), dspy.context(adapter=dspy.ChatAdapter()):
        prediction = program(user_query="Write for Ann.")
        assert watch.metric(EXAMPLE, prediction) == 0.75
    assert watch.counts() == RolloutCounts()
    assert program.untrusted_model is untrusted


@pytest.mark.parametrize("failing", ["untrusted", "judge"])
def test_a_model_or_judge_that_fails_in_a_validation_is_counted_apart(failing: str) -> None:
    def fails(*arguments: Any) -> Any:
        raise RuntimeError("hung up")

    program = PAPILLON(untrusted_model=fails if failing == "untrusted" else lambda request: "Dear Sir,")
    outputs = iter([CRAFTED, ANSWERED, "no format"])
    program.set_lm(scripted_lm(lambda prompt: next(outputs)))
    watch = RolloutWatch(program, fails if failing == "judge" else lambda example, prediction: 0.75)
    watch.in_vain = 3
    with watch.watching(), dspy.context(adapter=adapter_for("chat", json_fallback=False)):
        with pytest.raises((RuntimeError, EndpointError), match="hung up"):
            watch.metric(EXAMPLE, program(user_query="Write for Ann."))
        if failing == "untrusted":
            next(outputs)
        with pytest.raises(AdapterParseError):  # the policy's own fault, and a score of its own
            program(user_query="Write for Ann.")
    assert watch.counts() == RolloutCounts(unvalidated=1)
    assert watch.in_vain == 3  # says nothing of rollouts


def test_failures_in_a_row_are_counted_until_one_says_something() -> None:
    def fails(request: str) -> str:
        raise RuntimeError("hung up")

    _, watch = gathered([CRAFTED], fails)
    assert watch.in_vain == 1
    _, watch = gathered(["no format"])
    assert watch.in_vain == 0


def test_what_still_runs_when_the_watch_ends_is_waited_for() -> None:
    # DSPy's threads outlive an interrupted run; what they meet then must still meet the guarded program.
    started, go_on, answers, threads = threading.Event(), threading.Event(), [], list[threading.Thread]()

    def slow(request: str) -> str:
        started.set()
        go_on.wait(10)
        return "Dear Sir,"

    program = PAPILLON(untrusted_model=slow)
    following = iter([CRAFTED, ANSWERED])
    program.set_lm(scripted_lm(lambda prompt: next(following)))
    watch = RolloutWatch(program, lambda example, prediction: 1.0)

    def interrupted() -> None:
        with watch.watching(), dspy.context(adapter=adapter_for("chat", json_fallback=False)):
            context = copy_context()
            thread = threading.Thread(
                target=lambda: answers.append(context.run(program, user_query="Write for Ann.").response)
            )
            threads.append(thread)
            thread.start()
            assert started.wait(10)
            threading.Timer(0.2, go_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (thread,) = threads
    thread.join(10)
    assert answers == ["Here is a letter."]
