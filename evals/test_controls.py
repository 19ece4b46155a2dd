"""Controls are programs whose scores are known beforehand: where theirs are wrong, no score can be trusted.

They run where the profile says ``controls = true``, on the selected examples of each split.
"""

import pytest

from evals.harness.session import Line, missed


def test_control(control: str, evaluation: Line) -> None:
    if text := missed([evaluation.control(control)]):
        pytest.fail(text, pytrace=False)
