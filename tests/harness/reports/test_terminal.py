"""The report's last lines: how to go on where rows have no score."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.reports.terminal import NOT_BEGUN, closing_lines, unscored
from tests.harness.evaluation.test_scheduler import jobs, outcome
from tests.papillon.results.samples import INFO, result

SPENT = "The judge m gave no usable answer in 30 recorded attempts; make every call anew with --eval-record all."
AWAY = "It cannot be reached."


@pytest.mark.parametrize("causes", [[SPENT, AWAY], [SPENT, SPENT], [AWAY]])
def test_running_the_same_again_is_advised_unless_it_would_make_no_call(causes: list[str]) -> None:
    named = zip(jobs(3), [*causes, None], strict=False)
    rows = [outcome(job, status="infrastructure_error" if cause else "scored", error=cause).row for job, cause in named]
    advised = "Run the same command again to go on: what is recorded is replayed." in unscored(result(*rows))
    assert advised == (AWAY in causes)


def test_a_cause_stands_before_what_was_merely_stopped_and_none_goes_uncounted() -> None:
    stopped = [f"The run was stopped before this {what}." for what in ("example had its turn", "call was made", "call")]
    causes = [*stopped * 2, "404", "429", "429", "503", "504"]
    rows = [
        outcome(job, status="infrastructure_error", error=said).row for job, said in zip(jobs(11), causes, strict=True)
    ]
    said = unscored(result(*rows))
    assert said[1:5] == ["  2 × 429", "  1 × 404", "  1 × 503", "  7 × 4 other causes"]


class TestClosingLines:
    FOLLOWING = ("Next: pytest evals -m test",)

    def test_a_clean_run_ends_with_what_to_type_next(self) -> None:
        lines = closing_lines(result(), 80, following=self.FOLLOWING)
        assert lines[-1] == self.FOLLOWING[0]
        assert closing_lines(result(), 80, verbosity=-1, following=self.FOLLOWING)[-1] != self.FOLLOWING[0]

    def test_problems_come_last_and_nothing_is_to_be_typed_next(self) -> None:
        lines = closing_lines(result().with_problems("A file is missing."), 80, following=self.FOLLOWING)
        assert lines[-1] == "A file is missing."

    def test_a_run_that_did_not_begin_has_no_scores_to_show(self) -> None:
        lines = closing_lines(result(run=replace(INFO, begun=False)), 80, following=self.FOLLOWING)
        assert lines == [NOT_BEGUN]

    def test_with_qq_problems_alone_are_left(self) -> None:
        assert closing_lines(result(), 80, verbosity=-2, following=self.FOLLOWING) == []
        assert closing_lines(result().with_problems("A."), 80, verbosity=-2) == ["A."]

    def test_accepted_files_are_named(self) -> None:
        lines = closing_lines(result(), 80, accepted=["b.json"])
        assert lines[-1] == "Accepted: the scores of this run stand in b.json now; review and commit it."
