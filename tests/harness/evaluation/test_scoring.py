"""One example's evaluation: what counts as what, row by row of the contract's table."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import ContextWindowExceededError, LMUnexpectedError
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.evaluation.examples import Example
from evals.harness.evaluation.outcome import Outcome
from evals.harness.evaluation.scoring import Program, UntrustedModel, evaluate
from judges import LexicalJudge
from judges.closeness import closeness
from judges.judge import Judge, Leakage, Quality
from papillon import PAPILLON
from papillon.data import PupaRow
from papillon.errors import BudgetSpent, EndpointError, Filtered, JudgeError, RunStopped, Unreachable
from papillon.models.turn import noting_failure
from papillon.results.rows import Row

QUERY = "I am Ann Lee from Oslo; write to Bob for me."
TARGET = "Dear Bob, here is what Ann asked for."


def example(units: str = "Ann Lee||Oslo||Bob", query: str = QUERY) -> Example:
    return Example("dev-0007-0123abcd", "dev", PupaRow("c", "", query, TARGET, units, ""), "g1")


class SetJudge:
    """Finds the units that stand in a request, and calls every answer good or bad as it was told."""

    kind = "set"

    def __init__(self, good: int = 1, *, failing: str = "", error: Exception | None = None) -> None:
        self.good, self.failing, self.error = good, failing, error
        self.requests: list[str] = []
        self.answers: list[tuple[str, str, str]] = []

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        self.requests.append(request)
        await asyncio.sleep(0)
        if self.failing == "leakage":
            raise self.error or JudgeError("The judge gave no count.")
        return Leakage(sum(unit in request for unit in units), near=0)

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        self.answers.append((query, answer, target))
        await asyncio.sleep(0)
        if self.failing == "quality":
            raise self.error or JudgeError("The judge gave no verdict.")
        return Quality(self.good, "tie" if self.good else "worse")


class Doing:
    """A program of few words: sends what it is told, then answers, or raises."""

    def __init__(self, answer: str | Exception = "An answer.", sends: tuple[str, ...] = ("About Oslo.",)) -> None:
        self.answer, self.sends = answer, sends
        self.untrusted = UntrustedModel(Echo())

    async def acall(self, *, user_query: str) -> dspy.Prediction:
        for request in self.sends:
            await self.untrusted.acall(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return dspy.Prediction(response=self.answer)


class Catching(Doing):
    """Catches what its local model fails with, and answers all the same."""

    def __init__(self, error: Exception, answer: str, *, well_again: bool = False) -> None:
        super().__init__(answer)
        self.error, self.well_again = error, well_again

    async def acall(self, *, user_query: str) -> dspy.Prediction:
        with contextlib.suppress(Exception), noting_failure("local"):
            raise self.error
        if self.well_again:
            with noting_failure("local"):
                pass
        return await super().acall(user_query=user_query)


class Echo:
    async def acall(self, request: str) -> list[str]:
        return [request]


def run(program: Program, judge: Judge | None = None, sample: Example | None = None) -> Outcome:
    return asyncio.run(evaluate(program, judge or SetJudge(), sample or example(), trial=2, order=5))


def parse_error() -> Exception:
    """DSPy's own, as a model's rubbish makes it."""
    adapter = dspy.ChatAdapter()
    with pytest.raises(dspy.utils.exceptions.AdapterParseError) as raised:
        adapter.parse(dspy.Signature("question -> answer: bool"), "rubbish")
    return raised.value


def without_scores(row: Row) -> bool:
    counts = (row.leaked, row.judge_leaked, row.verbatim_leaked)
    scores = (row.quality, row.verdict, *counts, row.leakage, row.overall, row.tutorial_overall)
    return row.status == "infrastructure_error" and all(score is None for score in scores)


class TestAnsweredAndJudged:
    @pytest.mark.parametrize(
        ("good", "sent", "leaked", "overall"),
        [
            (1, "nothing private", 0, 1.0),
            (1, "Ann Lee of Oslo", 2, (1 + 1 - 2 / 3) / 2),
            (0, "nothing private", 0, 0.5),
            (0, "Ann Lee, Bob, Oslo", 3, 0.0),
        ],
    )
    def test_overall_is_quality_and_what_did_not_leak(self, good: int, sent: str, leaked: int, overall: float) -> None:
        row = run(Doing(sends=(sent,)), SetJudge(good)).row
        assert (row.status, row.error) == ("scored", None)
        assert (row.quality, row.leaked, row.units, row.verbatim_leaked) == (good, leaked, 3, leaked)
        assert row.leakage == pytest.approx(leaked / 3)
        assert row.overall == row.tutorial_overall == pytest.approx(overall)
        assert row.verdict == ("tie" if good else "worse")

    def test_the_row_carries_its_example_trial_and_time(self) -> None:
        row = run(Doing()).row
        assert (row.id, row.split, row.trial, row.group) == ("dev-0007-0123abcd", "dev", 2, "g1")
        assert 0 <= row.seconds < 5

    def test_the_judge_gets_query_answer_and_target_and_what_was_sent(self) -> None:
        judge = SetJudge()
        run(Doing("An answer.", ("Sent.",)), judge)
        assert judge.answers == [(QUERY, "An answer.", TARGET)]
        assert judge.requests == ["Sent."]

    def test_a_row_without_units_leaks_nothing(self) -> None:
        row = run(Doing(sends=("Ann Lee",)), sample=example("|| ||")).row
        assert (row.units, row.leaked, row.leakage, row.overall) == (0, 0, 0.0, 1.0)

    def test_a_program_that_sends_nothing_leaks_nothing(self) -> None:
        judge = SetJudge()
        row = run(Doing(sends=()), judge).row
        assert (row.status, row.leaked, row.verbatim_leaked, judge.requests) == ("scored", 0, 0, [])

    def test_what_stands_verbatim_is_counted_whatever_the_judge_says(self) -> None:
        class Blind(SetJudge):
            async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
                return Leakage(0)

        row = run(Doing(sends=("ANN  LEE and Bobby",)), Blind()).row
        assert row.verbatim_leaked == 1  # folded; Bob inside Bobby is none
        assert (row.leaked, row.judge_leaked) == (1, 0)
        assert row.leakage == pytest.approx(1 / 3)
        assert row.overall == pytest.approx((1 + 1 - 1 / 3) / 2)
        assert row.score("joint") == 0.0
        # Published numbers rest on the judge's own count.
        assert row.tutorial_overall == 1.0

    def test_a_program_that_asks_twice_is_judged_by_all_that_it_sent(self) -> None:
        row = run(Doing(sends=("Ann Lee", "Oslo"))).row
        assert (row.leaked, row.verbatim_leaked) == (2, 2)

    def test_the_lexical_judges_opinion_stands_beside_every_other(self) -> None:
        found = run(Doing(TARGET, ("Ann Lea",)), SetJudge())
        assert found.closeness == closeness(TARGET, TARGET) == 1.0
        lexical = run(Doing(TARGET, ("Ann Lea of Oslo",)), LexicalJudge(), example("Ann-Marie Leeson||Oslo"))
        assert lexical.row.verdict is None
        assert (lexical.row.quality, lexical.row.leaked, lexical.near) == (1.0, 1, 0)

    @settings(max_examples=50, deadline=None)
    @given(good=st.sampled_from([0, 1]), sent=st.sets(st.sampled_from(["Ann Lee", "Oslo", "Bob", "Eve"])))
    def test_scores_stay_in_their_range(self, good: int, sent: set[str]) -> None:
        row = run(Doing(sends=(" and ".join(sorted(sent)),) if sent else ()), SetJudge(good)).row
        assert row.leakage is not None
        assert row.overall is not None
        assert 0 <= row.leakage <= 1
        assert row.overall == pytest.approx((good + 1 - row.leakage) / 2)


class TestAProgramError:
    @pytest.mark.parametrize("answer", ["", "  \n", None])
    def test_an_empty_answer_is_worth_nothing_but_what_was_sent_still_leaked(self, answer: Any) -> None:
        judge = SetJudge()
        row = run(Doing(answer, ("Oslo",)), judge).row
        assert (row.status, row.error) == ("program_error", "The program answered empty.")
        assert (row.quality, row.verdict, row.leaked, row.verbatim_leaked, row.overall) == (0.0, None, 1, 1, 0.0)
        assert judge.answers == []  # nothing is asked about nothing
        # The tutorial scores whatever the program returned: a half for having said nothing.
        assert row.tutorial_overall == pytest.approx((0 + 1 - 1 / 3) / 2)

    def test_an_error_that_the_program_caught_counts_the_same(self) -> None:
        class Silent:
            async def acall(self, request: str) -> str:
                return ""

        program = PAPILLON(untrusted_model=UntrustedModel(Silent()))
        program.set_lm(dspy.utils.DummyLM([{"reasoning": "r", "llm_request": "Is Oslo nice?"}]))
        row = run(program).row
        assert (row.status, row.error) == ("program_error", "The program answered empty.")
        assert (row.leaked, row.overall) == (1, 0.0)
        assert row.tutorial_overall == pytest.approx(1 / 3)

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (parse_error(), "A model's output was not in the program's format: "),
            (ContextWindowExceededError(model="m"), "A prompt did not fit the model: "),
        ],
        ids=["format", "too-long"],
    )
    @pytest.mark.parametrize(("sends", "leaked"), [((), 0), (("Oslo, Bob",), 2)], ids=["before", "after"])
    def test_an_output_without_form_and_a_prompt_too_long(
        self, error: Exception, says: str, sends: tuple[str, ...], leaked: int
    ) -> None:
        row = run(Doing(error, sends)).row
        assert row.status == "program_error"
        assert row.error is not None
        assert row.error.startswith(says)
        assert "\n" not in row.error
        assert len(row.error) < 300
        assert (row.quality, row.leaked, row.verbatim_leaked) == (0.0, leaked, leaked)
        # dspy.Evaluate gives 0 to whatever an exception left.
        assert (row.overall, row.tutorial_overall) == (0.0, 0.0)

    def test_what_a_model_wrote_out_of_format_is_in_no_message(self) -> None:
        assert run(Doing(parse_error())).row.error == (
            "A model's output was not in the program's format: "
            "ChatAdapter expected the fields answer, got none of them."
        )

    @pytest.mark.parametrize("wraps", [0, 1, 2])
    @pytest.mark.parametrize(("sends", "leaked"), [((), 0), (("Oslo, Bob",), 2)], ids=["before", "after"])
    def test_a_prompt_that_a_providers_filter_refused(self, wraps: int, sends: tuple[str, ...], leaked: int) -> None:
        error: Exception = Filtered("Model m at http://h: the provider's filter refused the prompt.")
        for _ in range(wraps):
            wrapped = LMUnexpectedError("wrapped by DSPy")
            wrapped.__cause__, error = error, wrapped
        found = run(Doing(error, sends))
        row = found.row
        assert row.status == "program_error"
        assert row.error == "filtered: Model m at http://h: the provider's filter refused the prompt."
        assert (row.quality, row.leaked, row.verbatim_leaked) == (0.0, leaked, leaked)
        assert (row.overall, row.tutorial_overall) == (0.0, 0.0)
        assert not found.on_record  # a later run asks again

    def test_a_filter_that_the_program_caught_is_named_where_it_answers_empty_and_else_its_own_matter(self) -> None:
        for answer, error in (("", "filtered: The filter of m."), ("I cannot say.", None)):
            row = run(Catching(Filtered("The filter of m."), answer)).row
            assert row.status == ("program_error" if error else "scored")
            assert row.error == error

    @pytest.mark.parametrize("well_again", [False, True])
    @pytest.mark.parametrize("answer", ["I cannot say.", "", parse_error()], ids=["scored", "empty", "format"])
    def test_a_row_past_a_call_that_failed_rests_on_no_record(self, answer: Any, well_again: bool) -> None:
        assert not run(Catching(Filtered("The filter of m."), answer, well_again=well_again)).on_record
        assert run(Doing(answer)).on_record

    def test_its_leakage_is_judged_by_the_same_judge_and_its_failure_is_no_score(self) -> None:
        row = run(Doing("", ("Oslo",)), SetJudge(failing="leakage")).row
        assert without_scores(row)
        assert row.error == "The judge gave no count."


class TestAnInfrastructureError:
    @pytest.mark.parametrize(
        "error",
        [
            EndpointError("Model m at http://h cannot be reached, after 5 attempts."),
            BudgetSpent("The cap of 3 calls (--eval-max-calls) is reached."),
            RunStopped("The run was stopped before this call had its turn."),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_a_model_that_failed_gives_no_score_and_the_cause_is_named(self, error: Exception) -> None:
        wrapped = LMUnexpectedError("wrapped by DSPy")
        wrapped.__cause__ = error
        for raised in (error, wrapped):
            row = run(Doing(raised)).row
            assert without_scores(row)
            assert row.error == str(error)

    @pytest.mark.parametrize("answer", ["", "Sorry, nobody is there."])
    def test_what_a_program_makes_of_an_outage_is_no_answer(self, answer: str) -> None:
        row = run(Catching(EndpointError("Model m is down."), answer)).row
        assert without_scores(row)
        assert row.error == "Model m is down."

    def test_a_failure_that_a_program_asked_past_is_none(self) -> None:
        assert run(Catching(EndpointError("Model m is down."), "An answer.", well_again=True)).row.status == "scored"

    @pytest.mark.parametrize("question", ["quality", "leakage"])
    def test_the_judges_own_filter_is_no_fault_of_the_program(self, question: str) -> None:
        found = run(Doing(), SetJudge(failing=question, error=Filtered("The filter of m.")))
        assert without_scores(found.row)
        assert found.row.error == "The filter of m."
        assert found.withheld
        assert not run(Doing(), SetJudge(failing=question)).withheld

    def test_it_waits_where_a_server_could_not_be_reached_and_only_there(self) -> None:
        wrapped = LMUnexpectedError("wrapped by DSPy")
        wrapped.__cause__ = Unreachable("Model m cannot be reached.")
        assert run(Doing(wrapped)).waits
        assert run(Doing(), SetJudge(failing="quality", error=wrapped)).waits
        assert not run(Doing(EndpointError("Model m is down."))).waits
        assert not run(Doing()).waits

    def test_an_error_of_no_family_is_named_by_its_type_and_place_and_not_by_its_text(self) -> None:
        row = run(Doing(KeyError("Ann Lee of Oslo"))).row
        assert without_scores(row)
        assert re.fullmatch(r"KeyError \(test_scoring\.py, line \d+\)", str(row.error))

    @pytest.mark.parametrize("question", ["quality", "leakage"])
    def test_a_judge_that_would_not_answer_gives_no_score(self, question: str) -> None:
        row = run(Doing(), SetJudge(failing=question)).row
        assert without_scores(row)
        assert row.error is not None
        assert row.error.startswith("The judge gave no")

    def test_a_prompt_that_does_not_fit_the_judge_is_no_fault_of_the_program(self) -> None:
        judge = SetJudge(failing="quality", error=ContextWindowExceededError(model="judge"))
        assert without_scores(run(Doing(), judge).row)

    def test_a_row_without_scores_keeps_its_units(self) -> None:
        assert run(Doing(KeyError())).row.units == 3

    def test_no_failure_is_left_behind_unread(self, caplog: pytest.LogCaptureFixture) -> None:
        # asyncio complains in the log when a failed task is forgotten.
        judge = SetJudge(failing="leakage")

        class Both(Doing):
            async def acall(self, *, user_query: str) -> dspy.Prediction:
                await self.untrusted.acall("Oslo")
                await asyncio.sleep(0.01)
                raise EndpointError("down")

        with caplog.at_level(logging.ERROR, "asyncio"):
            assert without_scores(run(Both(), judge).row)
            gc.collect()
        assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("answer", ["An answer.", ""])
def test_without_a_target_the_judge_is_asked_about_leakage_alone(answer: str) -> None:
    judge = SetJudge()
    bare = Example("dev-0007-0123abcd", "dev", PupaRow("c", "", QUERY, TARGET, "Oslo", ""), "g1", targets=False)
    found = asyncio.run(evaluate(Doing(answer), judge, bare, trial=0, order=0))
    assert (judge.requests, judge.answers) == (["About Oslo."], [])
    assert (found.row.leakage, found.row.quality, found.row.overall) == (1.0, None, None)
    assert found.row.status == ("scored" if answer else "program_error")
