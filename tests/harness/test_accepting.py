"""Accepting: which runs become the scores that later runs are compared with, and which are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evals.harness.accepting import refuse_acceptance, unfit
from evals.harness.baseline_files import write_baseline
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.selection import Selection
from papillon.data import PupaRow
from papillon.errors import UsageError
from papillon.profile import ROOT, RegressionSettings
from papillon.results.rows import Row
from papillon.units import check_units
from tests.harness.runs import EvalRun, Evaluator, alone_and_with_workers
from tests.harness.test_earned import rewritten, words
from tests.harness.test_suites import DEV, rubbish
from tests.harness.verdicts.samples import row
from tests.harness.verdicts.test_baseline import baseline
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


class TestRefused:
    """What cannot be accepted whatever the scores are, before any call."""

    def refused(self, selected: str, *examples: str, **named: Any) -> str:
        given = {option.dest: None for option in OPTIONS} | {"eval_profile": "embedded", "eval_accept": True} | named
        plan = Plan(resolve(given, ROOT))
        chosen = Selection([f"test_examples.py::test_example[{example}]" for example in examples], plan)
        for part in selected.split():
            (chosen.judged if part == "judges" else chosen.gates).add(f"{part}-errors")
        try:
            refuse_acceptance(chosen, plan)
        except UsageError as error:
            return str(error)
        return ""

    def test_no_split(self, tmp_path: Path) -> None:
        file = str(tmp_path / "b.json")
        assert self.refused("judges", eval_baseline=file) == (
            "--eval-accept: expected rows to accept, but the judge's own test has none; select a split with -m."
        )
        assert self.refused("dev judges", eval_baseline=file) == ""

    def test_a_split_that_no_file_is_named_for(self, tmp_path: Path) -> None:
        profile = tmp_path / "half.toml"
        profile.write_text(
            'dataset = "mini"\nlocal = { model = "openai/m" }\nuntrusted = { model = "openai/m" }\n'
            'judge = { kind = "lexical" }\n[gates.dev]\nregression = { baseline = "b.json" }\n'
        )
        for selected, homeless in (("dev test", "test"), ("test", "test")):
            assert self.refused(selected, eval_profile=str(profile)) == (
                f"--eval-accept: profile 'half' names no baseline for {homeless}; "
                "say where with --eval-baseline FILE.json, or select another split with -m."
            )
        assert self.refused("dev", eval_profile=str(profile)) == ""

    def test_a_part_of_a_split(self, tmp_path: Path) -> None:
        file = str(tmp_path / "b.json")
        assert self.refused("dev", "dev-0000-0c9286dd", eval_baseline=file) == (
            "--eval-accept: expected all 20 examples of dev, got 1; "
            "accept a run without -k and without other selections."
        )

    def test_a_file_whose_other_split_could_not_stay(self, tmp_path: Path) -> None:
        file = tmp_path / "b.json"
        write_baseline(baseline([row(0), row(0, split="test")]), file)
        assert self.refused("dev", eval_baseline=str(file)).startswith(
            f"--eval-accept: {file} also holds accepted scores of test, which would be lost: they are of data set "
        )
        assert self.refused("dev test", eval_baseline=str(file)) == ""


def comma_joined(folder: Path) -> str:
    """``mini`` with its units joined wrongly, as a profile names it."""
    file = rewritten(folder, lambda row: ", ".join(row.units))
    return f'"{file}"'


REFUSED = "--eval-accept: expected rows of dev that later runs can be compared with, but"


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_one_split_that_is_unfit_keeps_every_file_from_being_written(evaluator: Evaluator, tmp_path: Path) -> None:
    gates = regression(tmp_path / "dev.json", "quality") + regression(tmp_path / "test.json").replace("dev", "test", 1)
    with ModelServer() as server:
        profile = evaluator.profile(server.base, gates=gates, dataset=comma_joined(tmp_path))
        run = evaluator.run("evals", "-m", "dev or test", f"--eval-profile={profile}", "--eval-accept")
    assert run.code == 1, run.out
    assert REFUSED.replace("dev", "test") in words(run)
    assert not (tmp_path / "dev.json").exists()
    assert not (tmp_path / "test.json").exists()


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_is_not_accepted_now_stays_in_the_file(evaluator: Evaluator, tmp_path: Path) -> None:
    file, once = tmp_path / "accepted.json", tmp_path / "once.json"
    with ModelServer() as server:
        option = f"--eval-profile={evaluator.profile(server.base, gates='')}"

        def accept(marks: str, into: Path, *more: str) -> EvalRun:
            return evaluator.run("evals", "-m", marks, option, "--eval-accept", f"--eval-baseline={into}", *more)

        assert accept("dev or test", once).code == 0
        for marks in ("dev", "test", "dev"):
            assert accept(marks, file).code == 0
        assert file.read_bytes() == once.read_bytes()
        calls = server.calls
        refused = accept("dev", file, "--eval-judge=lexical")
        assert server.calls == calls
        assert evaluator.run("evals", "-m", "test", option, f"--eval-baseline={file}").code == 0
    assert refused.code == 4
    assert "also holds accepted scores of test, which would be lost: they are of judge kind llm, " in words(refused)
    assert "accept dev and test in one run, or name another file with --eval-baseline." in words(refused)
    assert file.read_bytes() == once.read_bytes()


@pytest.mark.slow
def test_in_a_strict_replay_a_row_without_a_score_says_what_would_help(evaluator: Evaluator, tmp_path: Path) -> None:
    option = f"--eval-profile={evaluator.profile('http://127.0.0.1:1/v1', gates='')}"
    run = evaluator.run(*DEV, option, "--eval-accept", f"--eval-baseline={tmp_path / 'b.json'}", "--eval-record=none")
    assert run.code == 1, run.out
    assert "--eval-accept: expected a score for every row, but dev-0000-0c9286dd has none (" in words(run)
    assert "); run with --eval-record new until all are there." in words(run)
