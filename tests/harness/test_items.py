"""What the suites' items share: how they ask the run, and what they say of its answers."""

from __future__ import annotations

from typing import Any

from evals.harness.items import Line, missed


class Answers:
    """Stands for the run: remembers the questions, and answers each kind with what it was made with."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.questions = answers, list[dict[str, Any]]()

    def __call__(self, question: dict[str, Any]) -> dict[str, Any]:
        self.questions.append(question)
        answer: dict[str, Any] = self.answers[question["ask"]]
        return answer


def test_each_question_names_its_kind_and_its_id() -> None:
    run = Answers(
        example={"rows": [], "failed": ""},
        gate={"results": [{"verdict": "pass"}]},
        control={"verdict": "fail", "note": "why"},
        judge={"results": [], "failed": 0, "causes": []},
    )
    line = Line(run)
    assert line.example("dev-0001") == {"rows": [], "failed": ""}
    assert line.gate("dev-quality") == [{"verdict": "pass"}]
    assert line.control("dev-target")["note"] == "why"
    assert line.judged("leakage")["failed"] == 0
    assert [tuple(question.values()) for question in run.questions] == [
        *(("example", "dev-0001"), ("gate", "dev-quality"), ("control", "dev-target"), ("judge", "leakage"))
    ]


def test_what_failed_is_said_before_what_cannot_be_told_and_what_passed_is_not() -> None:
    results = [
        {"verdict": "inconclusive", "note": "too few"},
        {"verdict": "pass", "note": "fine"},
        {"verdict": "fail", "note": "too low"},
    ]
    assert missed(results) == "FAIL: too low\nINCONCLUSIVE: too few"
    assert missed(results[1:2]) == missed([]) == ""
