"""Accepting: which runs become the scores that later runs are compared with, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from evals.harness.accepting import unfit
from papillon.data import PupaRow
from papillon.profile import RegressionSettings
from papillon.results.rows import Row
from papillon.units import check_units
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.harness.test_earned import rewritten, words
from tests.harness.test_suites import DEV, rubbish
from tests.harness.verdicts.samples import row
from tests.model_server import ModelServer


def regression(file: Path, *metrics: str) -> str:
    asked = f", metrics = {list(metrics)}" if metrics else ""
    return f'[gates.dev]\nregression = {{ baseline = "{file}"{asked} }}\n'


def rows(good: int, bad: int, *, units: int = 1) -> list[Row]:
    errors = [row(good + i, quality=0.0, units=units, status="program_error") for i in range(bad)]
    return [row(i, units=units) for i in range(good)] + errors


def data(units: str, count: int = 20) -> list[tuple[str, PupaRow]]:
    return [(f"dev-{i:04d}", PupaRow("", "", "I am Ann and Bob is here.", "Hello.", units, "")) for i in range(count)]


class TestUnfit:
    def said(self, rows: Sequence[Row], *metrics: str, most_errors: float = 0.1, units: str = "Ann||Bob") -> str:
        compared = [RegressionSettings("dev", Path("b.json"), metrics)]
        return unfit(rows, compared, most_errors=most_errors, units=check_units(data(units, len(rows))))

    def test_rows_that_carry_their_gates_are_fit(self) -> None:
        assert self.said(rows(18, 2), "quality", "leakage", "joint", "verbatim_leakage") == ""

    @pytest.mark.parametrize("metric", ["quality", "overall", "errors"])
    def test_fewer_than_half_scored_whatever_is_compared(self, metric: str) -> None:
        said = "only 9 of 20 rows are scored, the others are program errors"
        assert self.said(rows(9, 11), metric, most_errors=1.0) == said
        assert self.said(rows(10, 10), metric, most_errors=1.0) == ""

    def test_more_program_errors_than_the_gate_on_them_allows(self) -> None:
        said = "3 of 20 rows are program errors, and the gate on errors allows a share of 0.1 at most"
        assert self.said(rows(17, 3), "quality") == said
        assert self.said(rows(17, 3), "quality", most_errors=0.15) == ""
        assert self.said(rows(19, 1), "quality", most_errors=0.0).startswith("1 of 20 rows are program errors")

    def test_units_count_where_leakage_is_compared(self) -> None:
        assert self.said(rows(20, 0, units=0), "leakage", units="").startswith("none of 20 ")
        assert self.said(rows(20, 0, units=0), "quality", units="") == ""
        joined = "the units of 20 of 20 rows (first dev-0000) are joined by ',' where '||' is expected"
        assert self.said(rows(20, 0), "quality", "leakage", units="Ann, Bob").startswith(joined)
        assert self.said(rows(20, 0), "quality", units="Ann, Bob") == ""


def comma_joined(folder: Path) -> str:
    """``mini`` with its units joined wrongly, as a profile names it."""
    file = rewritten(folder, lambda row: ", ".join(row.units))
    return f'"{file}"'


REFUSED = "--eval-accept: expected rows of dev that later runs can be compared with, but"


@alone_and_with_workers
def test_a_model_out_of_format_on_every_row_is_not_accepted(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    file = tmp_path / "accepted.json"
    with ModelServer(rule=lambda body: rubbish(body) if body["model"] == "local" else None) as server:
        for gates, more in ((regression(file), ()), ("", (f"--eval-baseline={file}",))):
            profile = evaluator.profile(server.base, gates=gates)
            run = evaluator.run(*DEV, *workers, f"--eval-profile={profile}", "--eval-accept", *more)
            assert run.code == 1, run.out
            assert f"{REFUSED} only 0 of 20 rows are scored, the others are program errors; " in words(run)
            assert "nothing was written" in words(run)
            assert "Accepted:" not in run.out
            assert ("Profile profile has no gates for dev" in words(run)) == (gates == "")
            assert not file.exists()


def test_units_joined_wrongly_are_accepted_for_quality_alone(evaluator: Evaluator, tmp_path: Path) -> None:
    file = tmp_path / "accepted.json"
    dataset = comma_joined(tmp_path)
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates=regression(file), dataset=dataset)
        run = evaluator.run(*DEV, f"--eval-profile={profile}", "--eval-accept")
        assert run.code == 1, run.out
        assert f"{REFUSED} the units of " in words(run)
        assert "are joined by ',' where '||' is expected" in words(run)
        assert not file.exists()
        evaluator.profile(server.base, gates=regression(file, "quality"), dataset=dataset)
        run = evaluator.run(*DEV, f"--eval-profile={profile}", "--eval-accept")
        assert run.code == 0, run.out
        assert f"Accepted: the scores of this run stand in {file} now" in run.out


def test_one_split_that_is_unfit_keeps_every_file_from_being_written(evaluator: Evaluator, tmp_path: Path) -> None:
    gates = regression(tmp_path / "dev.json", "quality") + regression(tmp_path / "test.json").replace("dev", "test", 1)
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates=gates, dataset=comma_joined(tmp_path))
        run = evaluator.run("evals", "-m", "dev or test", f"--eval-profile={profile}", "--eval-accept")
    assert run.code == 1, run.out
    assert REFUSED.replace("dev", "test") in words(run)
    assert not (tmp_path / "dev.json").exists()
    assert not (tmp_path / "test.json").exists()


@alone_and_with_workers
def test_what_does_not_go_with_the_selection_is_refused_before_any_call(
    evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    file = tmp_path / "accepted.json"
    with ModelServer() as server:
        more = (f"--eval-profile={evaluator.profile(server.base, gates='')}", f"--eval-baseline={file}", *workers)
        run = evaluator.run("evals", "-m", "judges", *more, "--eval-accept")
        assert run.code == 4, run.out
        assert "--eval-accept: expected rows to accept, but the judge's own test has none" in words(run)
        assert not file.exists()
        assert evaluator.run(*DEV, *more, "--eval-accept").code == 0
        calls = server.calls
        run = evaluator.run("evals", "-m", "test", *more)
        assert run.code == 4, run.out
        assert f"--eval-baseline {file}: expected accepted scores of test, but it has those of dev alone;" in words(run)
        assert server.calls == calls


@pytest.mark.parametrize("option", ["--eval-dataset", "--eval-judge"])
def test_a_regression_set_aside_still_gates_program_errors(evaluator: Evaluator, tmp_path: Path, option: str) -> None:
    value = "lexical" if option == "--eval-judge" else str(rewritten(tmp_path, lambda row: "||".join(row.units)))
    with ModelServer(rule=lambda body: rubbish(body) if body["model"] == "local" else None) as server:
        profile = evaluator.profile(server.base, gates=regression(tmp_path / "accepted.json"))
        run = evaluator.run(*DEV, f"--eval-profile={profile}", f"{option}={value}")
    assert run.code == 1, run.out
    assert run.verdicts() == {"dev-errors": "fail"}
    assert f"The profile's baseline does not apply: {option} changed what is compared." in words(run)
    assert "has no gates for dev" not in words(run)
