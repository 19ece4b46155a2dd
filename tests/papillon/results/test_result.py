"""A run as a value: its JSON both ways, and when it is clean."""

from __future__ import annotations

import json
from dataclasses import replace

from papillon.results import ControlResult, RunResult
from tests.papillon.results.samples import INFO, ROW, gate, result

LOST = replace(ROW, status="infrastructure_error", error="It cannot be reached.", quality=None)


def test_a_result_survives_its_text() -> None:
    run = result(controls=(ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass", "all of them"),))
    assert RunResult.from_json(json.loads(run.to_text())) == run


class TestClean:
    def test_a_run_whose_rows_and_gates_are_there_is(self) -> None:
        assert result().clean
        assert result().exit_code == 0
        assert result(gates=(gate(verdict="deferred"),)).clean

    def test_each_thing_that_is_missing_or_does_not_hold_keeps_it_from_being_so(self) -> None:
        control = ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass")
        for run in (
            result(LOST),
            result(gates=(gate(verdict="fail"),)),
            result(gates=(gate(verdict="inconclusive"),)),
            result(controls=(replace(control, verdict="fail"),)),
            result(controls=(replace(control, unscored=1, verdict="deferred"),)),
            result().with_problems("The export could not be written."),
            result(run=replace(INFO, begun=False)),
            result(run=replace(INFO, trials=2)),
        ):
            assert not run.clean
            assert run.exit_code == 1
