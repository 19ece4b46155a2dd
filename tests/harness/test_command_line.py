"""What the command line asks for, and what is refused because nothing was."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from evals.harness.command_line import EVALS, in_evals
from papillon.profile import ROOT
from tests.harness.runs import Evaluator, alone_and_with_workers


def test_a_suites_file_is_known_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(EVALS)
    assert in_evals(tmp_path / "link" / "test_gates.py")
    assert in_evals(EVALS / "test_gates.py")
    assert not in_evals(EVALS / "harness" / "plugin.py")
    assert not in_evals(tmp_path / "test_gates.py")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-m", "dve"), "-m 'dve': expected marks such as dev, test, judges, gpu, got dve; did you mean dev?"),
        (("-m", "dev or tset"), "got tset; did you mean test?"),
        (("-m", "nonsense"), "got nonsense; pytest --markers lists them."),
        (("-m", "dev and"), "-m 'dev and': expected names with and, or, not and parentheses, "),
        (("-k", "dev-0001 and"), "-k 'dev-0001 and': expected names with and, or, not and parentheses, "),
    ],
    ids=str,
)
@alone_and_with_workers
def test_a_mark_or_an_expression_that_cannot_be_is_refused_before_anything_is_collected(
    evaluator: Evaluator, arguments: tuple[str, ...], said: str, workers: tuple[str, ...]
) -> None:
    run = evaluator.run("evals", *arguments, *workers, bare=True)
    assert run.code == 4, run.out
    assert said in run.out
    assert "collected" not in run.out
    assert "Traceback" not in run.out


@pytest.mark.parametrize("marks", ["slow", "not (dev or test)", "dev and not gpu"])
def test_a_mark_that_is_registered_is_taken(evaluator: Evaluator, marks: str) -> None:
    assert evaluator.run("evals", "-m", marks, "--collect-only", "-q", bare=True).code in (0, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--eval-limit", "3"),
            "--eval-limit: an evaluation runs only where it is asked for by path; "
            "type pytest evals -m dev --eval-limit=3",
        ),
        (("--eval-limit=3", "--collect-only"), "type pytest evals -m dev --eval-limit=3"),
        (("tests/papillon/results/test_rows.py", "--eval-accept"), "type pytest evals -m dev --eval-accept"),
        (("-m", "dev or test", "--eval-judge", "llm"), "type pytest evals -m 'dev or test' --eval-judge=llm"),
        (("evals/test_training.py", "--eval-limit", "3"), "type pytest evals -m dev --eval-limit=3"),
    ],
    ids=["alone", "collecting", "beside tests", "with a mark", "beside the training suite"],
)
def test_an_evaluations_option_without_a_suite_is_refused_with_the_command(
    evaluator: Evaluator, arguments: tuple[str, ...], said: str
) -> None:
    run = evaluator.run(*arguments, bare=True)
    assert run.code == 4
    assert f"{said}\n" in run.out
    assert "collected" not in run.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "evals"),
    [(ROOT / "tests", "../evals"), (ROOT / "tests" / "harness", "../../evals"), (None, str(EVALS))],
    ids=["tests", "deeper", "elsewhere"],
)
def test_the_command_is_right_where_it_is_typed(
    evaluator: Evaluator, tmp_path: Path, folder: Path | None, evals: str
) -> None:
    cwd, plugin = folder or tmp_path, {} if folder else {"PYTHONPATH": str(ROOT)}
    options = () if folder else ("-p", "evals.harness.plugin")
    refused = evaluator.run(*options, "--eval-limit", "3", bare=True, cwd=cwd, **plugin)
    assert refused.code == 4
    command = f"pytest {evals} -m dev --eval-limit=3"
    assert f"type {command}\n" in refused.out
    typed = evaluator.run(*shlex.split(command)[1:], "--collect-only", "-q", bare=True, cwd=cwd)
    assert typed.code == 0, typed.out
    assert typed.out.count("evals/test_examples.py::test_example[") == 3


@pytest.mark.slow
def test_what_stands_in_addopts_is_a_default_for_evaluations_and_no_mistake(evaluator: Evaluator) -> None:
    run = evaluator.run(
        "tests/papillon/results/test_rows.py", "-q", bare=True, PYTEST_ADDOPTS="--eval-profile openai --eval-limit 3"
    )
    assert run.code == 0, run.out
    run = evaluator.run(
        "evals", "--collect-only", "-q", "-m", "dev", bare=True, PYTEST_ADDOPTS="--eval-dataset=mini --eval-limit 3"
    )
    assert run.out.count("evals/test_examples.py::test_example[") == 3


def test_where_a_training_is_asked_for_the_options_are_its_own(evaluator: Evaluator) -> None:
    run = evaluator.run("-m", "gpu", "--eval-limit", "3", "--collect-only", "-q", bare=True)
    assert run.code == 0, run.out
    assert "test_smoke_training" in run.out


@pytest.mark.slow
def test_a_training_has_nothing_to_accept(evaluator: Evaluator) -> None:
    run = evaluator.run("-m", "gpu", "--eval-accept", "--eval-baseline=b.json", bare=True)
    assert run.code == 4, run.out
    assert "--eval-accept: a training has no scores to accept; name the suites, evals -m dev." in run.out


@pytest.mark.slow
def test_a_command_is_named_with_a_mark_that_selects_a_suite(evaluator: Evaluator) -> None:
    for marks, meant in (("slow", "dev"), ("not dev", "'not dev'")):
        run = evaluator.run("-m", marks, "--eval-limit", "3", bare=True)
        assert f"type pytest evals -m {meant} --eval-limit=3\n" in run.out


@pytest.mark.parametrize("asked", ["--version", "--help", "--markers"])
def test_what_only_tells_about_pytest_is_left_alone(evaluator: Evaluator, asked: str) -> None:
    run = evaluator.run(asked, "evals", "--eval-profile", "nope", bare=True)
    assert run.code == (4 if asked == "--markers" else 0)


def test_the_plugin_loads_where_pytests_own_insides_have_changed() -> None:
    """Every project of the environment loads it; what is private to pytest is asked for only by an evaluation."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pytest, _pytest.config.findpaths as paths, _pytest.mark.expression as expression\n"
            "del paths.determine_setup, expression.Expression\n"
            "import evals.harness.plugin",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
