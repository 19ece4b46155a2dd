"""Controls are programs whose scores are known beforehand: where theirs are wrong, no score can be trusted.

They run where the profile says ``controls = true``, on the selected examples of each split. In a shard what must
hold for a share of the rows is deferred.
"""

import pytest

from evals.harness.items import Line, missed
from evals.harness.properties import verdict_properties


def test_control(control: str, evaluation: Line, request: pytest.FixtureRequest) -> None:
    result = evaluation.control(control)
    request.node.user_properties.extend(verdict_properties([result]))
    if result["verdict"] == "deferred":
        pytest.skip(result["note"])
    if text := missed([result]):
        pytest.fail(text, pytrace=False)
