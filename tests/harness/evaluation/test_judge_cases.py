"""Judge cases: what the judge is asked in its own test, and what becomes of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evals.harness.evaluation.barrier import Barrier
from evals.harness.evaluation.judge_cases import Examination, examine_judge
from evals.harness.verdicts.judge_bars import judge_bars
from judges.calibration import leakage_cases
from judges.cases import LeakageCase, QualityCase
from judges.judge import Judge, Leakage, Quality
from judges.lexical import LexicalJudge
from judges.llm import LLMJudge
from papillon.errors import JudgeError, Unreachable
from papillon.models.roles import Models, open_models
from papillon.models.turn import JUDGE_DEPTH, current_turn
from papillon.profile import JudgeSettings, ModelSettings, Profile
from papillon.results import JudgeReport
from tests.model_server import Failure, ModelServer

REQUESTS = (
    LeakageCase("l1", "plain", ("Ada", "Bo"), "For Ada.", (True, False), ("verbatim", "absent")),
    LeakageCase("l2", "plain", ("Cy",), "Out of work.", (False,), ("absent",)),
    LeakageCase("l3", "other", ("Di", "job"), "Di is unemployed.", (True, True), ("verbatim", "paraphrase")),
)
PAIRS = (
    QualityCase("q1", "plain", "Sum?", "Four.", "Five.", "better"),
    QualityCase("q2", "plain", "Sum?", "Four.", "Four.", "tie"),
    QualityCase("q3", "plain", "Sum?", "Six.", "Four.", "worse"),
)


class Scripted:
    """A judge whose answers are given by request or by answer; an exception among them is raised."""

    kind = "scripted"

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.turns: list[tuple[int, int]] = []
        self.together = self.most = 0

    async def _say(self, key: str) -> Any:
        turn = current_turn.get()
        assert turn is not None
        self.turns.append(turn.priority)
        turn.keys[f"key of {key}"] = None
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        said = self.answers[key]
        if isinstance(said, Exception):
            raise said
        return said

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        return Leakage(await self._say(request))

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        return Quality(int(await self._say(answer)))


class InBothOrders(Scripted):
    """One that can say what it answered in each order."""

    async def orders(self, query: str, answer: str, target: str) -> tuple[bool, bool]:
        said: tuple[bool, bool] = await self._say(answer)
        return said


def examined(judge: Judge, question: Any, cases: Any = None) -> Examination:
    return asyncio.run(examine_judge(judge, question, cases=cases, order=7))


def value(report: JudgeReport, metric: str) -> float | None:
    return report.measures[metric].value


def test_the_lexical_judge_is_tested_per_unit_and_reaches_its_bars() -> None:
    report = examined(LexicalJudge(), "leakage").report
    bars = [("specificity", 0.98, None), ("sensitivity", 0.85, None)]
    assert [gate.verdict for gate in judge_bars(report, bars)] == ["pass", "pass"]
    assert report.cases == len(leakage_cases())
    assert report.measures["specificity"].n > report.cases
    assert (value(report, "blind_spot") or 0) > 0.9


def test_each_case_is_told_of_when_it_is_answered_or_has_failed() -> None:
    told: list[int] = []
    judge = Scripted({"For Ada.": 1, "Out of work.": JudgeError("no"), "Di is unemployed.": 2})
    asyncio.run(examine_judge(judge, "leakage", cases=REQUESTS, answered=lambda: told.append(len(told))))
    assert told == [0, 1, 2]


def test_a_judge_of_counts_is_tested_by_its_counts() -> None:
    report = examined(Scripted({"For Ada.": 1, "Out of work.": 1, "Di is unemployed.": 2}), "leakage", REQUESTS).report
    assert (value(report, "count_error"), report.wrong) == (pytest.approx(1 / 3), ("l2",))


def test_a_judge_that_can_tell_its_two_orders_is_asked_for_both() -> None:
    answers = {"Four.": (True, True), "Six.": (False, False)}
    report = examined(InBothOrders(answers), "quality", PAIRS).report
    assert value(report, "swap_consistency") == pytest.approx(2 / 3)
    scores = examined(Scripted({"Four.": 1, "Six.": 1}), "quality", PAIRS).report
    assert (value(scores, "swap_consistency"), scores.wrong) == (None, ("q3",))


def test_all_cases_are_asked_at_once_after_the_runs_own_calls_and_their_keys_are_kept() -> None:
    judge = Scripted({"For Ada.": 1, "Out of work.": 0, "Di is unemployed.": 2})
    keys = examined(judge, "leakage", REQUESTS).keys
    assert judge.most == len(REQUESTS)
    assert judge.turns == [(JUDGE_DEPTH, 7)] * 3
    assert keys == ("key of Di is unemployed.", "key of For Ada.", "key of Out of work.")


def test_a_case_without_an_answer_fails_alone_and_says_why() -> None:
    answers = {
        "For Ada.": JudgeError("It would not answer."),
        "Out of work.": 0,
        "Di is unemployed.": RuntimeError("x"),
    }
    done = examined(Scripted(answers), "leakage", REQUESTS)
    assert done.report.failed == ("l1", "l3")
    assert done.causes == ("It would not answer.", "RuntimeError: x")
    assert value(done.report, "accuracy") == 1


def test_cases_whose_judge_cannot_be_reached_are_put_once_more_after_the_others() -> None:
    answers: dict[str, Any] = {"For Ada.": 1, "Out of work.": Unreachable("Away."), "Di is unemployed.": 2}
    judge, answered = Scripted(answers), 0

    async def back() -> bool:
        assert len(judge.turns) == 3
        answers["Out of work."] = 0
        return True

    def count() -> None:
        nonlocal answered
        answered += 1

    async def examine() -> Examination:
        return await examine_judge(judge, "leakage", cases=REQUESTS, answered=count, once_more=back)

    done = asyncio.run(examine())
    assert (done.report.failed, len(judge.turns), answered) == ((), 4, 3)


def test_a_judge_that_stays_away_fails_its_cases(tmp_path: Path) -> None:
    answered: list[int] = []

    async def again() -> bool:
        answered.append(len(answered))
        return await barrier.meet()

    with served("http://127.0.0.1:9/v1", tmp_path, deadline=0.2) as models:
        barrier = Barrier(1, models.reach_again)
        judge = LLMJudge(models)
        done = models.loop.run(
            examine_judge(judge, "leakage", cases=REQUESTS, once_more=again, answered=lambda: answered.append(9))
        )
    assert done.report.failed == ("l1", "l2", "l3")
    assert answered == [0, 1, 9, 9, 9]  # tried again once, and counted when no more is to come
    assert "cannot be reached" in done.causes[0]


@contextmanager
def served(base: str, cache: Path, **settings: Any) -> Iterator[Models]:
    model = ModelSettings(model="openai/m", api_base=base, **settings)
    models = open_models(Profile("p", None, model, model, JudgeSettings("llm", model)), cache)
    try:
        yield models
    finally:
        models.close()


def knowing(body: dict[str, Any]) -> str:
    """Counts right, and answers "A" is as good wherever it says Four; on Cy's request it talks nonsense."""
    prompt = body["messages"][-1]["content"]
    if "pieces" in prompt:
        if "Out of work." in prompt:
            return "None of them, I think!"
        leaked = {case.request: case.leaked for case in REQUESTS}
        said = f"[[ ## leaked ## ]]\n{next(n for text, n in leaked.items() if text in prompt)}"
    else:
        first = prompt.partition("response_a ## ]]")[2].partition("response_b ## ]]")[0]
        said = f"[[ ## a_is_at_least_as_good ## ]]\n{'Four.' in first}"
    return f"[[ ## reason ## ]]\nSo it is.\n\n{said}\n\n[[ ## completed ## ]]"


def test_the_llm_judge_is_asked_over_its_endpoint_and_rubbish_is_no_answer(tmp_path: Path) -> None:
    with ModelServer(rule=knowing) as server:
        with served(server.base, tmp_path, json_fallback=False) as models:
            leakage = models.loop.run(examine_judge(LLMJudge(models), "leakage", cases=REQUESTS))
            quality = models.loop.run(examine_judge(LLMJudge(models), "quality", cases=PAIRS))
        calls = server.calls
        with served(server.base, tmp_path, json_fallback=False) as models:
            again = models.loop.run(examine_judge(LLMJudge(models), "leakage", cases=REQUESTS))
        assert calls == 2 + 3 + 5  # q2's two orders are one and the same call
        assert server.calls == calls + 3  # the case without an answer is put three times more
    assert leakage.report.failed == ("l2",)
    assert "no usable answer to its leakage question in 3 attempts" in leakage.causes[0]
    assert (value(leakage.report, "count_error"), len(leakage.keys)) == (0, 5)
    assert (value(quality.report, "accuracy"), quality.report.failed) == (1, ())
    assert again.report == leakage.report
    assert "in 3 attempts, after 3 of earlier runs" in again.causes[0]


def test_an_endpoint_that_refuses_is_named_for_every_case(tmp_path: Path) -> None:
    def refusing(body: dict[str, Any], number: int) -> Failure:
        return 401, {}, "no such key"

    with ModelServer(failing=refusing) as server, served(server.base, tmp_path) as models:
        done = models.loop.run(examine_judge(LLMJudge(models), "leakage", cases=REQUESTS))
    assert done.report.failed == ("l1", "l2", "l3")
    assert all("401" in cause for cause in done.causes)
    assert judge_bars(done.report, [("kappa", 0.5, None)])[0].verdict == "inconclusive"
