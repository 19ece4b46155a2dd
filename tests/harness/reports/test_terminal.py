"""The report's last lines: how to go on where rows have no score."""

from __future__ import annotations

import pytest

from evals.harness.reports.terminal import _unscored
from tests.harness.evaluation.test_scheduler import jobs, outcome
from tests.papillon.results.samples import result

SPENT = "The judge m gave no usable answer in 30 recorded attempts; make every call anew with --eval-record all."
AWAY = "It cannot be reached."


@pytest.mark.parametrize("causes", [[SPENT, AWAY], [SPENT, SPENT], [AWAY]])
def test_running_the_same_again_is_advised_unless_it_would_make_no_call(causes: list[str]) -> None:
    named = zip(jobs(3), [*causes, None], strict=False)
    rows = [outcome(job, status="infrastructure_error" if cause else "scored", error=cause).row for job, cause in named]
    advised = "Run the same command again to go on: what is recorded is replayed." in _unscored(result(*rows))
    assert advised == (AWAY in causes)
