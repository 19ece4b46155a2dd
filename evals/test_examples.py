"""Every example of the selected splits is evaluated: one item each.

An item passes when its example was scored. A program error is a bad score, shown by a letter of its
own; an infrastructure error is no score at all and fails the item.
"""

import pytest

from evals.harness.session import Line, properties


def test_example(example: str, evaluation: Line, request: pytest.FixtureRequest) -> None:
    rows = evaluation.rows(example)
    request.node.user_properties.extend(properties(rows))
    errors = [row["error"] for row in rows if row["status"] == "infrastructure_error"]
    if errors:
        pytest.fail(errors[0], pytrace=False)
