"""A run as a value: its JSON both ways, what is refused, and when it is clean."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from papillon.errors import UsageError
from papillon.results import ControlResult, RunResult, read_result
from papillon.results.run import ProgramInfo
from tests.papillon.results.generated import results
from tests.papillon.results.samples import INFO, ROW, gate, result

LOST = replace(ROW, status="infrastructure_error", error="It cannot be reached.", quality=None)

EMPTY = ControlResult("empty", "dev", 0.0, 0.0, 0.0, 0.0, 0.0, "pass")


class TestJson:
    @given(results)
    @settings(max_examples=60, deadline=None)
    def test_it_is_exact_both_ways(self, run: RunResult) -> None:
        data = json.loads(run.to_text())
        assert RunResult.from_json(data) == run
        assert RunResult.from_json(data).to_json() == data
        assert RunResult.from_json(data).to_text() == run.to_text()

    def test_what_the_first_form_of_the_schema_had_stands_first_and_in_its_order(self) -> None:
        data = result().to_json()
        assert list(data)[:5] == ["schema", "run", "rows", "gates", "controls"]
        assert list(data["run"])[:14] == [
            *("id", "started", "seconds", "finished", "profile", "record", "scores", "dataset", "program", "models"),
            *("versions", "calls", "tokens", "cost_usd"),
        ]
        assert list(data["run"]["dataset"])[:4] == ["name", "sha256", "rows", "split"]

    def test_a_file_of_the_first_form_is_read(self) -> None:
        data = result().to_json()
        first = {name: data[name] for name in ("schema", "run", "rows", "gates", "controls")}
        for name in ("wall_seconds", "begun", "trials", "departs", "texts"):
            del first["run"][name]
        del first["run"]["dataset"]["sizes"]
        assert RunResult.from_json(json.loads(json.dumps(first))).rows == result().rows

    def test_what_a_later_version_added_is_passed_over(self) -> None:
        data = json.loads(result().to_text())
        later: dict[str, Any] = {**data, "later": 1, "run": {**data["run"], "later": {}}}
        assert RunResult.from_json(later) == result()

    def test_no_sign_of_a_name_acts_where_the_file_is_shown(self) -> None:
        run = result(replace(ROW, category="a\x1b[31m\x7f\x9b\u202eb\u2066\u2028\ufeff\U000e0041é漢"))
        text = run.to_text()
        assert not re.search("[\x1b\x7f-\x9f\u202e\u2066\u2028\ufeff\U000e0041]", text)
        assert "é漢" in text
        assert RunResult.from_json(json.loads(text)) == run

    def test_a_path_that_is_no_utf_8_can_be_written(self, tmp_path: Path) -> None:
        run = result(run=replace(INFO, program=ProgramInfo(None, "/of/\udcff.json")))
        (tmp_path / "r.json").write_text(run.to_text(), encoding="utf-8")
        assert read_result(tmp_path / "r.json") == run

    def test_ten_thousand_rows_are_written_and_read_in_two_seconds(self) -> None:
        run = result(*(replace(ROW, id=f"dev-{i:05d}") for i in range(10_000)))
        start = time.process_time()
        assert RunResult.from_json(json.loads(run.to_text())).rows == run.rows
        assert time.process_time() - start < 2


def _set(*path: str | int) -> Callable[[Any, Any], None]:
    def change(data: Any, value: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return change


class TestRefused:
    """One sentence that says where, and nothing of what stands there."""

    @pytest.mark.parametrize(
        ("place", "value", "said"),
        [
            (_set("rows", 0, "quality"), "good", "rows[0].quality is a text where a finite number belongs"),
            (_set("rows", 0, "units"), 1.5, "rows[0].units is a number where a whole number belongs"),
            (_set("rows", 0, "units"), True, "rows[0].units is true or false where a whole number belongs"),
            (_set("rows", 0, "leakage"), float("nan"), "rows[0].leakage is a number where a finite number belongs"),
            (_set("rows", 0, "overall"), 10**400, "rows[0].overall is a whole number where a finite number belongs"),
            (_set("rows", 0, "status"), "fine", "rows[0].status is none of scored, program_error"),
            (_set("rows"), {}, "rows is an object where a list belongs"),
            (_set("rows", 0), None, "rows[0] is null where an object belongs"),
            (_set("run", "calls"), {"made": 1}, "run.calls.replayed is not there"),
            (_set("gates", 0, "verdict"), "PASS", "gates[0].verdict is none of pass, fail, inconclusive, deferred"),
            (_set("control_notes"), [{}], "control_notes is no list beside that of the controls"),
            (_set("control_notes"), {}, "control_notes is no list beside that of the controls"),
            (_set("splits", 0, "units", "joined"), [1], "splits[0].units.joined is a list where an object belongs"),
        ],
    )
    def test_a_damaged_object(self, place: Callable[[Any, Any], None], value: Any, said: str) -> None:
        data = json.loads(result().to_text())
        place(data, value)
        with pytest.raises(UsageError) as refused:
            RunResult.from_json(data, source="r.json")
        assert str(refused.value).startswith(f"Expected a run's results in r.json, but {said}")
        assert str(refused.value).endswith("; write them anew with --eval-results.")

    def test_notes_on_other_controls(self) -> None:
        data = json.loads(result(controls=(EMPTY,)).to_text())
        data["control_notes"][0]["name"] = "verbatim"
        with pytest.raises(UsageError, match="but control_notes names other controls; "):
            RunResult.from_json(data)

    @pytest.mark.parametrize("data", [None, [], "text", {}, {"id": "dev-0001", "query": "I am Ann"}])
    def test_something_else_altogether(self, data: object) -> None:
        with pytest.raises(UsageError, match=r"^Expected a run's results, but ") as refused:
            RunResult.from_json(data)
        assert "Ann" not in str(refused.value)

    @pytest.mark.parametrize("schema", [2, "1", None, True, [1]])
    def test_another_schema(self, schema: object) -> None:
        with pytest.raises(UsageError, match=r"^Expected a run's results in schema 1, but their schema is "):
            RunResult.from_json({**result().to_json(), "schema": schema})

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"", "it is no JSON (line 1, column 1)"),
            (b'{"schema": 1', "it is no JSON (line 1, column 13)"),
            (b"\xff\xfe", "it is no JSON (byte 1 is none of UTF-8)"),
            (b'{"schema": NaN}', "it holds a number that JSON has not, or one of more digits than can be read"),
            (b"[" * 100_000, "its JSON is nested too deeply"),
            (None, "No such file or directory"),
        ],
    )
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, text: bytes | None, said: str) -> None:
        file = tmp_path / "r.json"
        if text is not None:
            file.write_bytes(text)
        with pytest.raises(UsageError) as refused:
            read_result(file)
        assert str(refused.value) == (
            f"Expected a run's results in {file}, but {said}; write them with --eval-results."
        )

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("quality", 1.5, "rows[0].quality is 1.5 where a number from 0 to 1 belongs"),
            ("leakage", -0.1, "rows[0].leakage is -0.1 where a number from 0 to 1 belongs"),
            ("units", -1, "rows[0].units is -1 where a whole number of at least 0 belongs"),
            ("trial", 10**400, "rows[0].trial is a whole number of too many digits"),
            ("seconds", -1.0, "rows[0].seconds is -1.0 where a number of at least 0 belongs"),
            ("quality", None, "rows[0].quality is null in a row that is scored"),
            ("leaked", None, "rows[0].leaked is null in a row that is scored"),
        ],
    )
    def test_a_score_out_of_its_range(self, name: str, value: object, said: str) -> None:
        data = result().to_json()
        data["rows"][0][name] = value
        with pytest.raises(UsageError) as refused:
            RunResult.from_json(data)
        assert str(refused.value) == (f"Expected a run's results, but {said}; write them anew with --eval-results.")

    def test_a_number_that_is_not_finite_is_not_written_either(self) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            result(replace(ROW, quality=float("inf"))).to_text()


class TestClean:
    def test_a_run_whose_rows_and_gates_are_there_is(self) -> None:
        assert result().clean
        assert result().exit_code == 0
        assert result(gates=(gate(verdict="deferred"),)).clean

    def test_each_thing_that_is_missing_or_does_not_hold_keeps_it_from_being_so(self) -> None:
        for run in (
            result(LOST),
            result(gates=(gate(verdict="fail"),)),
            result(gates=(gate(verdict="inconclusive"),)),
            result(controls=(replace(EMPTY, verdict="fail"),)),
            result(controls=(replace(EMPTY, unscored=1, verdict="deferred"),)),
            result().with_problems("The export could not be written."),
            result(run=replace(INFO, begun=False)),
            result(run=replace(INFO, trials=2)),
        ):
            assert not run.clean
            assert run.exit_code == 1

    def test_in_a_word_a_failure_comes_before_what_is_missing_and_that_before_what_cannot_be_told(self) -> None:
        doubtful, failing = gate(verdict="inconclusive"), gate(verdict="fail")
        for run, word in (
            (result(), "pass"),
            (result(gates=()), "pass"),
            (result(gates=(gate(), gate(verdict="deferred"))), "deferred"),
            (result(gates=(doubtful, gate(verdict="deferred"))), "inconclusive"),
            (result(LOST, gates=(doubtful,)), "incomplete"),
            (result(gates=(doubtful,)).with_problems("A worker died."), "incomplete"),
            (result(LOST, gates=(doubtful, failing)), "fail"),
            (result(controls=(replace(EMPTY, verdict="fail"),)), "fail"),
            (result(gates=(failing,), run=replace(INFO, begun=False)), "not run"),
        ):
            assert run.verdict == word
