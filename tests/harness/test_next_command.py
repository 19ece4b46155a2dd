"""The next command: it runs as it is printed, where the run was started, on what the run was about."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.harness.next_command import command_lines, launcher, worst_row
from evals.harness.verdicts.gates import Regression
from evals.harness.verdicts.regressions import judge_regressions
from papillon import PAPILLON, save_program
from papillon.profile import ROOT
from tests.benchmarks.bench_statistics import baseline_of
from tests.harness.runs import EvalRun, Evaluator
from tests.harness.verdicts.samples import row
from tests.model_server import ModelServer

ROWS = "user_query;target_response;pii_units\n" + "".join(f"I am Ann {n}.;Hello;Ann {n}\n" for n in range(6))


def printed(run: EvalRun) -> str:
    """The next command, over as many lines as it takes."""
    found = re.search(r"^Next: ((?:.*\\\n)*.*)$", run.out, re.MULTILINE)
    assert found is not None, run.out
    return found[1]


def typed(evaluator: Evaluator, command: str, folder: Path, results: Path) -> str:
    """What the command says when a shell runs it, beside an option that writes the results."""
    environment = evaluator.environment() | {"PYTEST_ADDOPTS": f"-p no:cacheprovider --eval-results={results}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("columns", ["60", "400"])
def test_it_repeats_what_chose_the_rows_and_runs_as_typed_elsewhere_than_in_the_root(
    tmp_path: Path, columns: str
) -> None:
    evaluator = Evaluator(tmp_path)
    folder = tmp_path / "some where"
    folder.mkdir()
    (folder / "my rows.csv").write_text(ROWS)
    program = PAPILLON(untrusted_model=str)
    craft = program.craft_redacted_request.predict
    craft.signature = craft.signature.with_instructions("Be very discreet.")
    save_program(program, folder / "saved.json")
    with ModelServer() as server:
        evaluator.profile(server.base, gates="", split='"tutorial"').rename(folder / "own.toml")
        asked = ("--eval-profile=own.toml", "--eval-dataset=my rows.csv", "--eval-split", "all", "--eval-limit", "4")
        more = ("--eval-trials=2", "--eval-program=saved.json", "--eval-judge=lexical", "--eval-max-calls", "99")
        run = evaluator.run(
            str(ROOT / "evals"), "-m", "dev", *asked, *more, "--eval-results=r.json", cwd=folder, COLUMNS=columns
        )
        assert run.code == 0, run.out
        assert server.asked("Be very discreet.")
        before, command = server.calls, printed(run)
        said = typed(evaluator, command, folder, tmp_path / "next.json")
        assert server.calls == before
    words = shlex.split(command.replace("\\\n", ""))
    assert words[words.index("-vv") + 1 :] == [
        *("--eval-profile=own.toml", "--eval-dataset=my rows.csv", "--eval-split=all", "--eval-limit=4"),
        *("--eval-trials=2", "--eval-program=saved.json", "--eval-judge=lexical"),
        *(f"--eval-cache={evaluator.cache}", "--eval-max-calls=99"),
    ]
    assert "\\\n" in command if columns == "60" else "\n" not in command
    rows = json.loads((tmp_path / "next.json").read_text())["rows"]
    assert len(rows) == 2, said
    assert {row["id"] for row in rows} == {words[words.index("-k") + 1]}


@pytest.mark.parametrize(("folder", "suites"), [(ROOT, "evals"), (ROOT / "evals", "."), (ROOT / "tests", "../evals")])
def test_it_names_the_suites_as_they_lie_from_where_the_run_was_started(
    evaluator: Evaluator, folder: Path, suites: str
) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base, gates='')}"
        run = evaluator.run(suites, "-m", "dev", profile, "--eval-limit", "2", cwd=folder)
        command = printed(run)
        interpreter = os.path.relpath(sys.executable, folder)
        assert command.startswith(f"{interpreter} -m pytest {suites} -k dev-000"), command
        assert "1 passed" in typed(evaluator, command, folder, evaluator.folder / "next.json")


def test_a_profile_of_the_environment_is_named_and_the_projects_own_is_not(evaluator: Evaluator) -> None:
    with ModelServer() as server:
        profile = str(evaluator.profile(server.base, gates=""))
        run = evaluator.run("evals", "-m", "dev", "--eval-limit", "2", PAPILLON_PROFILE=profile)
    assert f" --eval-profile={profile} " in printed(run).replace("\\\n ", "")
    judged = evaluator.run("evals", "-m", "judges", "--eval-record=none")
    assert "--eval-profile" not in printed(judged)
    assert " evals -m dev --eval-record=none " in printed(judged).replace("\\\n ", "")


def test_after_a_regression_it_names_the_row_that_fell_most() -> None:
    def found(before: int, metric: str = "leakage", **asked: Any) -> str | None:
        first = row(0, quality=0.0, leaked=1)
        rows = [first, *(row(i, leaked=1, units=2) for i in range(1, 20))]
        accepted = [first, *(row(i, leaked=before, units=2) for i in range(1, 20))]
        return worst_row(
            rows, judge_regressions([Regression("dev", metric, "b", **asked)], rows, baseline_of(accepted))
        )

    assert found(0) == "dev-0001"
    # It is one that became worse, where any did, and of a regression that did not pass; else the worst of all.
    assert found(2) == found(1) == found(0, max_drop=1.0) == "dev-0000"
    assert worst_row([row(0, quality=0.0)], []) is None
    assert worst_row([row(0), row(1)], []) is None


@pytest.mark.parametrize("width", [60, 80])
def test_it_wraps_between_words_and_can_still_be_typed(width: int) -> None:
    words = ["pytest", "evals", "-k", "dev-0003-0a1b2c3d", "-vv", *(f"--eval-option-{n}='a value'" for n in range(6))]
    lines = command_lines(words, width)
    assert lines[0].startswith("Next: pytest evals -k")
    assert max(map(len, lines)) <= width
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(f"Next: {' '.join(words)}")
    assert command_lines(words[:5], width) == ["Next: pytest evals -k dev-0003-0a1b2c3d -vv"]
    assert command_lines(["pytest", "x" * 99], width) == ["Next: pytest \\", f"  {'x' * 99}"]


def test_pytest_is_called_by_its_name_only_where_that_is_this_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
        for script in ("pytest", "python"):
            (tmp_path / name / "bin" / script).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "own" / "bin" / "python"))
    for path, words in {
        "own": ["pytest"],
        "other": ["own/bin/python", "-m", "pytest"],
        "none": ["own/bin/python", "-m", "pytest"],
    }.items():
        monkeypatch.setenv("PATH", str(tmp_path / path / "bin"))
        assert launcher(tmp_path) == words
    assert launcher(tmp_path / "own" / "bin") == ["./python", "-m", "pytest"]
    assert launcher(Path("/usr/share/doc")) == [str(tmp_path / "own" / "bin" / "python"), "-m", "pytest"]
