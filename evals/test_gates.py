"""Every gate of the profile judges all selected rows of its split: one item each, and they come last.

A gate passes, fails or cannot tell; only a pass lets the item pass. In a shard it is deferred.
"""

import pytest

from evals.harness.items import Line, missed
from evals.harness.properties import verdict_properties


def test_gate(gate: str, evaluation: Line, request: pytest.FixtureRequest) -> None:
    results = evaluation.gate(gate)
    request.node.user_properties.extend(verdict_properties(results))
    deferred = [result["note"] for result in results if result["verdict"] == "deferred"]
    if deferred:
        pytest.skip(deferred[0])
    if text := missed(results):
        pytest.fail(text, pytrace=False)
