"""The control programs: what each sends and answers, and that its law holds on rows of real data."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.harness.evaluation.control_programs import control_program
from evals.harness.evaluation.examples import Example, select_examples
from evals.harness.evaluation.scoring import UntrustedModel, evaluate
from evals.harness.plan import CONTROLS
from evals.harness.verdicts.controls import ControlResult, control_summary, control_verdict
from judges.judge import Judge, Leakage, Quality
from judges.lexical import LexicalJudge
from papillon.data import PupaRow, load
from papillon.leaks import verbatim
from papillon.models.roles import open_models
from papillon.profile import JudgeSettings, ModelSettings, Profile
from papillon.results.rows import Row
from tests.fakes import scripted_lm
from tests.model_server import ModelServer

ECHO = scripted_lm(lambda prompt: f"Heard: {prompt}")
LOCAL = scripted_lm(lambda prompt: "What the small model says.")
QUERY = "Write to Ana Brandt of Zenturo about the invoice."


def example(units: str = "Ana Brandt||Zenturo||Lisbon", query: str = QUERY, name: str = "dev-0000-a") -> Example:
    return Example(name, "dev", PupaRow("c", "job", query, "Dear Ana, please find it enclosed.", units, ""), "g")


def run(name: str, on: Example, *, judge: Judge | None = None, untrusted: Any = ECHO) -> Row:
    """One control evaluated on one example, as the harness does it."""
    program = control_program(name, on, untrusted=UntrustedModel(untrusted), local_lm=LOCAL)

    async def main() -> Row:
        with dspy.context(adapter=dspy.JSONAdapter()):
            return (await evaluate(program, judge or LexicalJudge(), on, trial=0, order=0)).row

    return asyncio.run(main())


def prediction(name: str, on: Example, *, sync: bool) -> dict[str, str]:
    program = control_program(name, on, untrusted=UntrustedModel(ECHO), local_lm=LOCAL)
    with dspy.context(adapter=dspy.JSONAdapter()):
        query = on.row.user_query
        answer = program(user_query=query) if sync else asyncio.run(program.acall(user_query=query))
    return dict(answer)


MASKED = "Write to [REDACTED] of [REDACTED] about the invoice."


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize(
    ("name", "request_", "reply", "response"),
    [
        ("empty", "", "", ""),
        ("verbatim", QUERY, f"Heard: {QUERY}", f"Heard: {QUERY}"),
        ("redacted", MASKED, f"Heard: {MASKED}", f"Heard: {MASKED}"),
        ("local-only", "", "", "What the small model says."),
        ("target", "", "", "Dear Ana, please find it enclosed."),
    ],
)
def test_what_each_control_sends_and_answers(
    name: str,
    request_: str,
    reply: str,
    response: str,
    sync: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("dspy"), "propagate", True)
    expected = {"llm_request": request_, "llm_response": reply, "response": response}
    assert prediction(name, example(), sync=sync) == expected
    # DSPy logs where it is used against its habits, once for every example.
    assert caplog.messages == []


def test_every_control_has_a_program_a_law_and_a_row() -> None:
    for name in CONTROLS:
        assert control_verdict(name, [run(name, example())], [example()])[0] == "pass"
    with pytest.raises(KeyError, match="rot13"):
        control_program("rot13", example(), untrusted=UntrustedModel(ECHO), local_lm=LOCAL)
    with pytest.raises(KeyError, match="rot13"):
        control_verdict("rot13", [], [])


def test_an_empty_answer_earns_nothing_though_the_tutorial_gave_it_half() -> None:
    row = run("empty", example())
    assert (row.status, row.overall, row.tutorial_overall) == ("program_error", 0.0, 0.5)


def test_the_verbatim_control_leaks_just_what_stands_in_the_query() -> None:
    row = run("verbatim", example())
    assert (row.leaked, row.verbatim_leaked, row.units) == (2, 2, 3)


class Silent:
    """An untrusted model that answers, but with nothing that can be used."""

    def __call__(self, request: str) -> list[str]:
        return []

    async def acall(self, request: str) -> list[str]:
        return []


def test_an_unusable_reply_is_the_controls_bad_score_and_no_failed_run() -> None:
    row = run("verbatim", example(), untrusted=Silent())
    assert (row.status, row.overall, row.verbatim_leaked) == ("program_error", 0.0, 2)
    assert control_verdict("verbatim", [row], [example()])[0] == "pass"


@pytest.fixture(scope="module")
def mini() -> list[Example]:
    return [e for part in select_examples(load("mini"), "grouped", limit=None, shard=None).values() for e in part]


def test_on_mini_every_control_holds(mini: list[Example]) -> None:
    for name in CONTROLS:
        result = control_summary(name, "dev", [run(name, each) for each in mini], mini)
        assert result.verdict == "pass", result.note


def test_on_mini_most_units_stand_in_their_queries(mini: list[Example]) -> None:
    rows = [run("verbatim", each) for each in mini]
    assert sum(row.verbatim_leaked or 0 for row in rows) / sum(row.units for row in rows) >= 0.85


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("PUPA_DIR"), reason="set PUPA_DIR to the folder that holds PUPA_New.csv to run this test"
)
def test_on_real_rows_verbatim_leaks_nearly_everything_and_redaction_nothing() -> None:
    rows = load(Path(os.environ["PUPA_DIR"]) / "PUPA_New.csv").rows
    every = [Example(f"dev-{place:04d}", "dev", row, "g") for place, row in enumerate(rows)]
    brief = scripted_lm(lambda prompt: "Noted.")

    async def control(name: str) -> ControlResult:
        async def one(on: Example) -> Row:
            program = control_program(name, on, untrusted=UntrustedModel(brief), local_lm=LOCAL)
            return (await evaluate(program, Counting(), on, trial=0, order=0)).row

        return control_summary(name, "dev", [await one(on) for on in every], every)

    verbatim_, redacted = asyncio.run(control("verbatim")), asyncio.run(control("redacted"))
    assert (verbatim_.verdict, redacted.verdict, redacted.verbatim_leakage) == ("pass", "pass", 0)
    # Plain case-folded search gives 0.986; the 14 units that it alone finds end inside a word or beside a glued one.
    assert verbatim_.verbatim_leakage == pytest.approx(0.968, abs=0.0005)


class Counting:
    """A judge that counts what stands verbatim, and finds every answer good."""

    kind = "counting"

    async def leakage(self, units: tuple[str, ...], request: str) -> Leakage:
        return Leakage(sum(verbatim(units, request)))

    async def quality(self, query: str, answer: str, target: str) -> Quality:
        return Quality(1, "tie")


@settings(max_examples=40)
@given(
    st.lists(st.text("abıİß李 .-", min_size=1, max_size=6), min_size=1, max_size=4),
    st.text("abıİß李 .-", min_size=1, max_size=30).filter(str.strip),
)
def test_whatever_the_units_and_the_query_both_laws_of_leakage_hold(units: list[str], query: str) -> None:
    on = example("||".join(units), query)
    seen = any(verbatim(on.row.units, query))
    for name, expected in (("verbatim", "pass" if seen else "inconclusive"), ("redacted", "pass")):
        assert control_verdict(name, [run(name, on, judge=Counting())], [on])[0] == expected


def test_over_a_server_only_the_controls_that_send_reach_the_untrusted_model(tmp_path: Path) -> None:
    def model(role: str) -> ModelSettings:
        return ModelSettings(model=f"openai/{role}", api_base=server.base)

    on = example()
    with ModelServer() as server:
        profile = Profile("p", None, model("local"), model("untrusted"), JudgeSettings("lexical"))
        models = open_models(profile, tmp_path)
        try:

            async def one(name: str) -> Row:
                program = control_program(
                    name, on, untrusted=UntrustedModel(models.lm("untrusted")), local_lm=models.lm("local")
                )
                with dspy.context(adapter=models.adapter("local")):
                    return (await evaluate(program, LexicalJudge(), on, trial=0, order=0)).row

            rows = {name: models.loop.run(one(name)) for name in CONTROLS}
        finally:
            models.close()
        heard = [body["messages"][-1]["content"] for body in server.bodies if body["model"] == "untrusted"]
        assert heard == [QUERY, MASKED]
        assert [body["model"] for body in server.bodies] == ["untrusted", "untrusted", "local"]
    assert {name: row.status for name, row in rows.items() if row.status != "scored"} == {"empty": "program_error"}
