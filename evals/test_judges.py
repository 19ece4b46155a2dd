"""The judge is tested before it is believed: its two questions, put to it for every labelled case.

A question passes when the judge answered every case and cleared every bar that the profile sets.
"""

import pytest

from evals.harness.session import Line


@pytest.mark.judges
def test_judge(question: str, evaluation: Line) -> None:
    examined = evaluation.judged(question)
    if examined["failed"]:
        pytest.fail(f"{examined['failed']} cases have no answer: {examined['causes'][0]}", pytrace=False)
    missed = [result["note"] for result in examined["results"] if result["verdict"] != "pass"]
    if missed:
        pytest.fail("\n".join(missed), pytrace=False)
