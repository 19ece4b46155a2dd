"""Every example of the selected splits is evaluated: one item each.

An item passes when its example was scored. A program error is a bad score, shown by a letter of its
own; an infrastructure error is no score at all and fails the item.
"""

import pytest

from evals.harness.items import Line
from evals.harness.properties import row_properties
from evals.harness.showing import SHOWN


def test_example(example: str, evaluation: Line, request: pytest.FixtureRequest) -> None:
    found = evaluation.example(example)
    request.node.user_properties.extend(row_properties(found["rows"]))
    if found["texts"]:
        request.node.add_report_section("call", SHOWN, found["texts"])
    if found["failed"]:
        pytest.fail(found["failed"], pytrace=False)
