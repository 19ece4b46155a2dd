"""An evaluation among pytest's own options: what cuts or reorders items, what is taken away, what raises warnings."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from papillon.data import MINI
from papillon.profile import ROOT
from tests.harness.runs import Evaluator, alone_and_with_workers
from tests.model_server import Failure, ModelServer

DEV = ("evals", "-m", "dev")


class Failing:
    """Fails what is asked about one query, for as long as it is told to."""

    def __init__(self, query: str) -> None:
        self.query, self.on = query, True

    def __call__(self, body: dict[str, Any], number: int) -> Failure | None:
        asked = json.dumps(body["messages"], ensure_ascii=False)
        return (400, {}, "") if self.on and json.dumps(self.query, ensure_ascii=False)[1:40] in asked else None


@pytest.mark.slow
@pytest.mark.parametrize("how", [("--sw",), ("--ff",), ("--nf",), ("--lf",), ("--sw", "--sw-skip")], ids=" ".join)
def test_a_session_that_goes_on_after_a_failed_example_runs_what_its_gates_rest_on(
    evaluator: Evaluator, tmp_path: Path, how: tuple[str, ...]
) -> None:
    with MINI.open(encoding="utf-8", newline="") as file:
        third = list(csv.DictReader(file))[20 + 2]["user_query"]
    with ModelServer(failing=(failing := Failing(third))) as server:
        profile = evaluator.profile(
            server.base,
            controls="true",
            split='"tutorial"',
            judge='{ kind = "lexical" }',
            gates="[gates.dev]\nleakage = { max = 1.0 }\n",
        )
        common = (*DEV, "-o", f"cache_dir={tmp_path / 'pytest'}", f"--eval-profile={profile}")
        first = evaluator.run(*common, "--eval-limit", "4", *how)
        assert first.code != 0
        lost = [row["id"][:8] for row in first.rows if row["status"] == "infrastructure_error"]
        assert "dev-0002" in lost
        failing.on = False
        again = evaluator.run(*common, "--eval-limit", "4", *how)
    assert again.results is not None
    assert again.code == 0, again.out
    controls = {control["name"]: control["verdict"] for control in again.results["controls"]}
    rows = [row["id"][:8] for row in again.rows]
    # --sw begins at the example that failed; with --lf that one alone is asked, and what had no score for want of it.
    went_on = {"--sw": range(2, 4), "--lf": range(2, 3)}.get(how[-1], range(4))
    assert rows == [f"dev-{number:04d}" for number in went_on]
    assert set(controls.values()) == {"pass"}
    # Those before the first that failed have passed in the session before.
    assert len(controls) == 5 or how[-1] in ("--lf", "--sw-skip")
    assert {gate["verdict"] for gate in again.results["gates"]} == {"pass"}


def test_a_users_own_tests_stay_where_and_as_they_are(evaluator: Evaluator, tmp_path: Path) -> None:
    own = tmp_path / "test_gates.py"
    own.write_text(
        "import pytest\ndef test_gate(): pass\n"
        "@pytest.mark.parametrize('nothing', [])\ndef test_empty(nothing): pass\ndef test_example(): pass\n"
        "@pytest.mark.gpu\ndef test_mine(): pass\n"
    )
    run = evaluator.run(str(own), "evals/test_gates.py", "evals/test_examples.py", "--eval-limit", "1", "--co", "-q")
    assert run.code == 0, run.out
    names = [line.partition("::")[2] for line in run.out.splitlines() if "::" in line]
    assert names[:4] == ["test_gate", "test_empty[NOTSET]", "test_example", "test_mine"]
    assert [name.partition("[")[0] for name in names[4:]] == ["test_example"] * 2 + ["test_gate"] * (len(names) - 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "without",
    [
        ("-p", "no:warnings"),
        ("-p", "no:capture"),
        ("-p", "no:terminal"),
        ("-p", "no:cacheprovider"),
        ("-p", "no:xdist"),
        ("--capture=no",),
        ("-W", "error"),
        ("-o", "cache_dir=/dev/null/read-only"),
    ],
    ids=" ".join,
)
def test_a_part_of_pytest_may_be_gone_or_strict(evaluator: Evaluator, without: tuple[str, ...]) -> None:
    with ModelServer() as server:
        profile = evaluator.profile(server.base)
        run = evaluator.run(*DEV, "--eval-limit", "1", *without, f"--eval-profile={profile}")
    assert run.code == 0, run.out
    assert ("dev: 1 of 20 examples, 1 scored" in run.out) == ("no:terminal" not in without)
    assert "Traceback" not in run.out
    assert set(run.verdicts().values()) == {"pass"}


@pytest.mark.slow
@pytest.mark.parametrize("strict", [(), ("-W", "error")], ids=["as it comes", "warnings are errors"])
def test_a_body_of_more_than_a_megabyte_is_sent(evaluator: Evaluator, tmp_path: Path, strict: tuple[str, ...]) -> None:
    data = tmp_path / "long.csv"
    with data.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user_query", "target_response", "pii_units", "redacted_query"])
        rows.writerows([f"Query {n} of Ann. " + "word " * 250_000, "An answer.", "Ann", "Query"] for n in range(3))
    with ModelServer() as server:
        profile = evaluator.profile(server.base, dataset=json.dumps(str(data)), split='"tutorial"', gates="")
        run = evaluator.run(*DEV, *strict, f"--eval-profile={profile}")
    assert run.code == 0, run.out
    assert "dev: 1 example, 1 scored" in run.out
    assert "Traceback" not in run.out


@pytest.mark.slow
def test_a_checkout_is_reached_through_a_link_as_well(evaluator: Evaluator, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    with ModelServer() as server:
        option = f"--eval-profile={evaluator.profile(server.base)}"
        common = ("-m", "dev", "--eval-limit", "2", option)
        through = evaluator.run(str(tmp_path / "link" / "evals"), *common, cwd=tmp_path)
        calls = server.calls
        inside = evaluator.run("evals", *common, cwd=tmp_path / "link")
        assert server.calls == calls
    assert through.code == inside.code == 0, through.out
    assert through.same() == inside.same()


def test_the_projects_own_tests_are_failed_by_a_warning_and_the_suites_are_not(evaluator: Evaluator) -> None:
    ours = ROOT / "tests" / "harness" / "test_warns_for_a_moment.py"
    ours.write_text("import warnings\ndef test_one(): warnings.warn('a warning of ours', stacklevel=1)\n")
    try:
        run = evaluator.run(str(ours), bare=True)
    finally:
        ours.unlink()
    assert run.code == 1
    assert "UserWarning: a warning of ours" in run.out


@pytest.mark.slow
@alone_and_with_workers
def test_a_second_import_is_read_too(evaluator: Evaluator, tmp_path: Path, workers: tuple[str, ...]) -> None:
    with ModelServer() as server:
        option = f"--eval-profile={evaluator.profile(server.base)}"
        imports: list[str] = []
        for name in ("dev-0000", "dev-0001"):
            evaluator.cache = tmp_path / name
            file = tmp_path / f"{name}.jsonl"
            assert evaluator.run("evals", "-k", name, option, "--eval-export", str(file)).code == 0
            imports += ["--eval-import", str(file)]
        evaluator.cache = tmp_path / "both"
        calls = server.calls
        run = evaluator.run(*DEV, *workers, "--eval-limit", "2", "--eval-record", "none", option, *imports)
        assert server.calls == calls
    assert run.code == 0, run.out
    assert "Imported: dev-0000.jsonl: 6 recorded calls added, 0 were there already; dev-0001.jsonl: " in " ".join(
        run.out.split()
    )


class TestAllRowsInOneSplit:
    @pytest.mark.slow
    def test_both_splits_together_are_refused_before_any_call(self, evaluator: Evaluator) -> None:
        with ModelServer() as server:
            option = f"--eval-profile={evaluator.profile(server.base)}"
            for marks in ((), ("-m", "dev or test"), ("-m", "dev or test", "-n", "2")):
                run = evaluator.run("evals/test_examples.py", *marks, option, "--eval-split", "all")
                assert run.code == 4, run.out
                assert (
                    "ERROR: --eval-split all: every row is in the one split that is asked for, and both were selected; "
                    "say which with -m dev or -m test.\n"
                ) in run.out
            assert server.calls == 0

    @pytest.mark.slow
    def test_one_of_them_has_every_row(self, evaluator: Evaluator) -> None:
        with ModelServer() as server:
            profile = evaluator.profile(server.base, judge='{ kind = "lexical" }', gates="")
            run = evaluator.run(*DEV, f"--eval-profile={profile}", "--eval-split", "all")
        assert run.code == 0, run.out
        assert len(run.rows) == 60
        assert "train part" not in run.out
