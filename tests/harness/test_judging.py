"""The judge's own test: what it is asked, what becomes of its answers, and how they are shown and gated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.harness.evaluation.barrier import Barrier
from evals.harness.judging import (
    Examination,
    agreement_lines,
    examine_judge,
    judge_bars,
    judge_lines,
    judges_agreement,
    undercounted,
)
from judges.agreement import Measure
from judges.calibration import JudgeReport, leakage_cases, quality_cases
from judges.cases import LeakageCase, QualityCase
from judges.judge import Judge, Leakage, Quality
from judges.lexical import LexicalJudge
from judges.llm import LLMJudge
from papillon.errors import JudgeError, Unreachable
from papillon.models.roles import Models, open_models
from papillon.models.turn import JUDGE_DEPTH, current_turn
from papillon.profile import JudgeSettings, ModelSettings, Profile
from papillon.results.rows import Row
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


REPORT = JudgeReport(
    subject="leakage",
    cases=160,
    failed=(),
    wrong=tuple(f"case-{n:02d}" for n in range(7)),
    measures={
        "kappa": Measure(0.6, 0.5, 0.7, 400),
        "count_error": Measure(0.25, n=160),
        "blind_spot": Measure(0.75, 0.6, 0.9, 32),
        "injection_success": Measure(None),
    },
    kinds={"plain": (150, 157), "injection": (3, 3)},
    hows={"verbatim": (100, 100)},
)


@pytest.mark.parametrize(
    ("bar", "verdict", "said"),
    [
        (("kappa", 0.6, None), "pass", "kappa is 0.600 (0.500 to 0.700), at least 0.6 is asked; the smallest"),
        (("kappa", 0.61, None), "fail", "judged wrong: case-00, case-01, case-02, case-03, case-04, 2 more"),
        (("count_error", None, 0.2), "fail", "count_error is 0.250, at most 0.2 is asked; judged wrong"),
        (("count_error", None, 0.25), "pass", "count_error is 0.250, at most 0.25 is asked"),
        (("injection_success", None, 0.1), "inconclusive", "is not defined by this judge's answers, at most 0.1"),
    ],
)
def test_a_bar_is_a_gate_of_kind_judge(bar: Any, verdict: str, said: str) -> None:
    (gate,) = judge_bars(REPORT, [bar])
    assert (gate.verdict, gate.kind, gate.split, gate.metric) == (verdict, "judge", "judges", f"leakage-{bar[0]}")
    assert (gate.min, gate.max) == bar[1:]
    assert said in gate.note
    assert json.dumps(gate.to_json())


def test_what_a_bar_could_not_have_seen_is_told_by_the_interval_on_its_side() -> None:
    (gate,) = judge_bars(replace(REPORT, measures={"kappa": Measure(0.6, 0.5, 0.9, 400)}), [("kappa", 0.55, None)])
    # 2.80 standard errors, and the lower half of the interval is 1.96 of them.
    assert "could have seen is 14.3 points" in gate.note
    assert gate.smallest == pytest.approx(0.143, abs=0.0005)


def test_each_bound_is_a_gate_of_its_own_and_no_bar_is_none() -> None:
    low, high = judge_bars(REPORT, [("kappa", 0.5, 0.55)])
    assert (low.min, low.verdict, high.max, high.verdict) == (0.5, "pass", 0.55, "fail")
    assert (low.n, low.groups) == (400, 160)
    assert judge_bars(REPORT, []) == []


def test_a_case_without_an_answer_leaves_every_bar_undecided() -> None:
    gates = judge_bars(replace(REPORT, failed=("case-99",)), [("kappa", 0.1, None), ("count_error", None, 0.1)])
    assert [gate.verdict for gate in gates] == ["inconclusive"] * 2
    assert "1 of 160 cases have no answer, so this gate cannot pass; kappa is 0.600" in gates[0].note


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("question", ["leakage", "quality"])
def test_a_report_fits_the_window_and_leaves_no_measure_or_kind_out(question: Any, width: int) -> None:
    cases = leakage_cases() if question == "leakage" else quality_cases()
    report = examined(LexicalJudge(), question).report
    report = replace(report, failed=tuple(case.id for case in cases[:4]))
    lines = judge_lines(report, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(name in text for name in [*report.measures, *report.kinds, *report.hows])
    assert "4 without an answer" in text
    assert f"no answer: {cases[0].id}" in text


def test_a_report_reads_as_a_table_and_lists() -> None:
    assert judge_lines(REPORT, 60) == [
        "judge on leakage: 160 cases, 153 right, 7 wrong",
        "  kappa              0.600  0.500 … 0.700  n 400",
        "  count_error        0.250                 n 160",
        "  blind_spot         0.750  0.600 … 0.900  n  32",
        "  injection_success      –                 n   0",
        "right by kind of case: plain 150/157, injection 3/3",
        "right by how a unit stands there: verbatim 100/100",
        "judged wrong: case-00, case-01, case-02, case-03, case-04,",
        "  case-05, case-06",
        "blind spot: 24 of 32 leaks reworded or in part are missed",
    ]
    assert "n  32  of the leaks in other words or in part are missed" in judge_lines(REPORT, 120)[3]


ROW = Row("e0", "dev", 0, "g0", "scored", None, 1.0, "tie", 1, 1, 2, 0.5, 1, 0.75, 0.75, 0.0)


def test_a_row_is_flagged_where_the_judge_counts_fewer_leaks_than_stand_there() -> None:
    lost = replace(ROW, status="infrastructure_error", leaked=None, judge_leaked=None, verbatim_leaked=None)
    error = replace(ROW, id="e3", status="program_error", leaked=2, judge_leaked=0, verbatim_leaked=2)
    rows = [ROW, replace(ROW, id="e1", judge_leaked=0), replace(ROW, id="e2", judge_leaked=2), lost, error]
    assert [row.id for row in undercounted(rows)] == ["e1", "e3"]


def test_agreement_is_over_scored_rows_and_leaks_over_rows_with_units() -> None:
    rows = [
        (ROW, 1, 1),
        (replace(ROW, group="g1", quality=0.0), 1, 2),
        (replace(ROW, group="g2", quality=0.0, judge_leaked=0), 0, 0),
        (replace(ROW, group="g3", units=0, judge_leaked=0), 1, 0),
        (replace(ROW, group="g4", status="program_error", quality=0.0), 0, 1),
    ]
    agreement = judges_agreement(rows)
    assert agreement.rows == 4
    assert (agreement.quality.value, agreement.quality.n) == (3 / 4, 4)
    assert agreement.quality_kappa.value == pytest.approx(0.5)  # po = 3/4, pe = 1/2
    assert (agreement.count.value, agreement.count.n) == (pytest.approx(2 / 3), 3)
    assert agreement.leak_kappa.value == 1
    assert agreement.count_difference == Measure(pytest.approx(1 / 3), n=3)
    assert json.loads(json.dumps(agreement.to_json()))["quality"]["n"] == 4


def test_rows_of_one_group_speak_once_for_an_agreements_interval() -> None:
    alone = judges_agreement([(replace(ROW, group=f"g{n}"), 1, 1) for n in range(8)])
    together = judges_agreement([(ROW, 1, 1)] * 8)
    assert (together.quality.low or 0) < (alone.quality.low or 0)


@pytest.mark.parametrize("width", [60, 120])
def test_agreement_and_flagged_rows_fit_the_window(width: int) -> None:
    judged = [(replace(ROW, id=f"dev-{n:04d}-1f3c9a2e", group=f"g{n}", judge_leaked=n % 2), 1, 1) for n in range(30)]
    lines = agreement_lines(judges_agreement(judged), undercounted(row for row, _, _ in judged), width)
    assert max(map(len, lines)) <= width
    text = " ".join(line.strip() for line in lines)
    assert "beside the lexical judge, 30 rows: quality alike in 1.000 (0.886 to 1.000), kappa –" in text
    assert "counts 0.500 units apart" in text
    assert "fewer leaks than stand verbatim in: dev-0000-1f3c9a2e (0 < 1), dev-0002" in text
    assert "the judge was overruled in 15 rows: it counts fewer leaks than" in text
    assert text.endswith("5 more")


def test_where_nothing_was_judged_twice_nothing_is_said() -> None:
    assert agreement_lines(judges_agreement([]), [], 60) == []
