"""The next command: it runs as it is printed, where the run was started, on what the run was about."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evals.harness.next_command import command_lines, same_command, worst_row
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


def typed(evaluator: Evaluator, command: str, folder: Path, results: Path, **changed: str) -> str:
    """What the command says when a shell runs it, beside an option that writes the results."""
    environment = evaluator.environment(**changed) | {"PYTEST_ADDOPTS": f"-p no:cacheprovider --eval-results={results}"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("columns", ["60", "600"])
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
        *(f"--eval-cache={evaluator.cache}", f"--eval-runs={tmp_path / 'runs'}", "--eval-max-calls=99"),
    ]
    assert "\\\n" in command if columns == "60" else "\n" not in command
    rows = json.loads((tmp_path / "next.json").read_text())["rows"]
    assert len(rows) == 2, said
    assert {row["id"] for row in rows} == {words[words.index("-k") + 1]}


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_the_same_command_writes_no_file_accepts_nothing_and_names_the_environments_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["evals", "-m", "dev or test", "--eval-results", "r.json", "--eval-summary=s.md", "--eval-accept"]
    typed += ["--junitxml", "j.xml", "--eval-import=a b.jsonl", "--eval-record", "none"]

    def same(*arguments: str) -> list[str]:
        params: Any = SimpleNamespace(args=arguments, dir=tmp_path)
        config: Any = SimpleNamespace(invocation_params=params)
        return shlex.split(same_command(config))

    monkeypatch.delenv("PAPILLON_PROFILE", raising=False)
    kept = ["evals", "-m", "dev or test", "--eval-import=a b.jsonl", "--eval-record", "none"]
    assert same(*typed)[-len(kept) - 2 :] == ["-m", "pytest", *kept]
    monkeypatch.setenv("PAPILLON_PROFILE", "my own")
    assert same(*typed)[0] == "PAPILLON_PROFILE=my own"
    assert "PAPILLON_PROFILE" not in " ".join(same(*typed, "--eval-profile", "openai"))
    assert same("evals", "--eval-results")[-1] == "evals"


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


@pytest.mark.slow
def test_pytests_own_settings_and_plugins_are_repeated_and_workers_where_there_are_rows_for_them(
    tmp_path: Path,
) -> None:
    evaluator = Evaluator(tmp_path)
    (folder := tmp_path / "else where").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    marks = "\n    ".join(("markers =", "dev", "test", "judges", "gpu"))
    (folder / "own.ini").write_text(f"[pytest]\naddopts = -p no:anyio\n{marks}\n")
    (folder / "mine.py").write_text("def pytest_report_header(): return 'mine is here'\n")
    with ModelServer() as server:
        evaluator.profile(server.base, gates="").rename(folder / "own.toml")
        run = evaluator.run(
            *(str(ROOT / "evals"), "-m", "dev", "-c", "own.ini", "--rootdir=.", "-p", "mine"),
            *("-n", "2", "--eval-limit=2", "--eval-profile=own.toml"),
            cwd=folder,
            PYTHONPATH=str(folder),
        )
        assert run.code == 0, run.out
        command = " ".join(printed(run).replace("\\\n", "").split())
        assert f" -c own.ini --rootdir=. -p mine {ROOT / 'evals'} -k dev-000" in command
        assert " -n " not in command
        before = server.calls
        said = typed(evaluator, command, folder, tmp_path / "next.json", PYTHONPATH=str(folder))
        assert "1 passed" in said
        assert "mine is here" in said
        assert server.calls == before
    judged = evaluator.run("evals", "-m", "judges", "--eval-record=none", "-n", "2")
    assert " evals -m dev -n 2 --eval-record=none " in printed(judged).replace("\\\n ", "")


@pytest.mark.slow
def test_after_a_regression_that_failed_it_shows_a_row_that_flipped(evaluator: Evaluator, tmp_path: Path) -> None:
    file, worse = tmp_path / "accepted.json", list[str]()
    gates = f'[gates.dev]\nregression = {{ baseline = "{file}", metrics = ["overall"] }}\n'
    with ModelServer(rule=lambda body: "I would rather not." if body["model"] in worse else None) as server:
        option = f"--eval-profile={evaluator.profile(server.base, gates=gates)}"
        assert evaluator.run("evals", "-m", "dev", option, "--eval-accept").code == 0
        worse.append("local")
        evaluator.cache = tmp_path / "another cache"
        run = evaluator.run("evals", "-m", "dev", option)
        assert run.code == 1
        assert run.results is not None
        (gate,) = [gate for gate in run.results["gates"] if gate["kind"] == "regression"]
        command = printed(run)
        words = shlex.split(command.replace("\\\n", ""))
        shown = words[words.index("-k") + 1]
        assert shown in [flip["id"] for flip in gate["flipped"] if flip["after"] < flip["before"]]
        typed(evaluator, command, ROOT, tmp_path / "next.json")
    assert [row["id"] for row in json.loads((tmp_path / "next.json").read_text())["rows"]] == [shown]
