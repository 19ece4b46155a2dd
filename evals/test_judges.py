"""The judge is tested before it is believed: its two questions, put to it for every labelled case.

A question passes when the judge answered every case and cleared every bar that the profile sets.
"""

import pytest

from evals.harness.items import Line, missed


@pytest.mark.judges
def test_judge(question: str, evaluation: Line) -> None:
    examined = evaluation.judged(question)
    if examined["failed"]:
        pytest.fail(f"INCONCLUSIVE: {examined['failed']} cases have no answer: {examined['causes'][0]}", pytrace=False)
    if text := missed(examined["results"]):
        pytest.fail(text, pytrace=False)
