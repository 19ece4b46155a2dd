"""The plugin's hooks: which items are the suites' own, their order among each other, and what others' keep."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.harness.command_line import EVALS
from tests.harness.runs import EvalRun, Evaluator, alone_and_with_workers
from tests.model_server import ModelServer

DEV = ("evals", "-m", "dev")


def collected(run: EvalRun) -> list[str]:
    """The collected items, without their files."""
    return [line.partition("::")[2] for line in run.out.splitlines() if "::" in line]


@pytest.fixture
def beside_the_suites() -> Iterator[Path]:
    """A user's own file of tests in the suites' folder."""
    path = EVALS / "test_of_a_user_for_a_moment.py"
    path.write_text(
        textwrap.dedent("""
        import pytest

        @pytest.fixture
        def evaluation(): return 1

        @pytest.mark.dev
        @pytest.mark.parametrize("nothing", [])
        def test_empty(nothing): pass

        @pytest.mark.dev
        @pytest.mark.gpu
        @pytest.mark.parametrize("example", ["mine"])
        def test_example(example, evaluation): assert (example, evaluation) == ("mine", 1)
        """)
    )
    yield path
    path.unlink()


@pytest.mark.slow
@alone_and_with_workers
def test_a_users_own_tests_beside_the_suites_are_left_as_they_are(
    evaluator: Evaluator, beside_the_suites: Path, workers: tuple[str, ...]
) -> None:
    with ModelServer() as server:
        profile = f"--eval-profile={evaluator.profile(server.base)}"
        run = evaluator.run(*DEV, profile, "--eval-limit", "1", "-v", *workers)
    assert run.code == 0, run.out
    assert "test_example[mine]" in run.out
    assert "4 passed, 1 skipped" in run.out


def test_they_keep_their_places_among_the_suites_items(evaluator: Evaluator, beside_the_suites: Path) -> None:
    files = ("evals/test_gates.py", str(beside_the_suites), "evals/test_examples.py")
    names = collected(evaluator.run(*files, "-m", "dev", "--eval-limit", "2", "--co", "-q"))
    own = [place for place, name in enumerate(names) if name in ("test_empty[NOTSET]", "test_example[mine]")]
    gates = sum(name.startswith("test_gate[") for name in names)
    # They stood behind the gates when the files were read, and stand in the same places still.
    assert own == [gates, gates + 1]
    assert [name[:16] for name in names[:2]] == ["test_example[dev"] * 2
    assert names[-1].startswith("test_gate[dev-")


CUTS = """
import pytest

class Cuts:
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        config.hook.pytest_deselected(items=items[2:])
        del items[2:]

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.register(Cuts())
"""

REVERSES = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.reverse()
"""


def test_a_plugin_that_cuts_the_list_first_cuts_it_in_the_suites_order(evaluator: Evaluator) -> None:
    (evaluator.folder / "cuts.py").write_text(CUTS)
    run = evaluator.run(
        *("evals/test_gates.py", "evals/test_examples.py", "-m", "dev", "-p", "cuts", "--co", "-q"),
        PYTHONPATH=str(evaluator.folder),
    )
    assert [name[:16] for name in collected(run)] == ["test_example[dev"] * 2, run.out


@pytest.mark.slow
@alone_and_with_workers
def test_a_plugin_that_reorders_afterwards_changes_no_row_and_no_verdict(
    evaluator: Evaluator, workers: tuple[str, ...]
) -> None:
    (evaluator.folder / "reverses.py").write_text(REVERSES)
    with ModelServer() as server:
        options = (f"--eval-profile={evaluator.profile(server.base)}", "--eval-limit", "3")
        plain = evaluator.run(*DEV, *options)
        run = evaluator.run(*DEV, *options, "-p", "reverses", *workers, PYTHONPATH=str(evaluator.folder))
    assert run.code == plain.code == 0, run.out
    assert run.same() == plain.same()


@pytest.mark.slow
def test_what_needs_a_path_or_a_mark_says_so(evaluator: Evaluator, tmp_path: Path) -> None:
    own = tmp_path / "test_mine.py"
    own.write_text("def test_one(evaluation): pass\ndef test_two(training): pass\n")
    run = evaluator.run(str(own), bare=True)
    assert run.code != 0
    assert "The suites in evals/ run only where they are named: type pytest " in run.out
    assert "A training runs only where -m names it: type pytest -m gpu." in run.out
