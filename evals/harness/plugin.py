"""Plugin: the hooks of pytest behind the suites in ``evals/``, in the order in which pytest calls them.

Each hook is a few lines that hand over to the session's own object. Importing this imports no DSPy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evals.harness.command_line import (
    SUITES,
    in_evals,
    in_suite,
    names_evaluation,
    names_training,
    refusals,
    refuse_options_without_a_suite,
    refuse_settings_of_an_option,
)
from evals.harness.marks import MARKERS, needs
from evals.harness.option_group import OPTIONS
from papillon.errors import UsageError
from papillon.project import CHECKOUT, PACKAGES, TRAIN
from papillon.screen import visible

# Every project of the environment loads this module: what an evaluation takes is imported where there is one.
if TYPE_CHECKING:
    from evals.harness.session import EvalSession
    from evals.harness.training.suite import Training

SESSION = pytest.StashKey["EvalSession"]()
TRAINING = pytest.StashKey["Training"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("papillon", "evaluation of PAPILLON")
    for option in OPTIONS:
        kind: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        if option.several:
            kind["action"] = "append"
        group.addoption(option.flag, dest=option.dest, default=None, help=option.help, **kind)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any conftest.py is read: one beside the wrong settings is a stranger's."""
    with refusals():
        refuse_settings_of_an_option(early_config, early_config.known_args_namespace)


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    if not config.pluginmanager.hasplugin("warnings"):
        # The suites have such marks, and marks are strict.
        config.addinivalue_line("markers", "filterwarnings(warning): without effect, since -p no:warnings was given")
    if config.option.help:
        return
    given = {option.dest: config.getoption(option.dest) for option in OPTIONS}
    trains = names_training(config)
    worker = hasattr(config, "workerinput")
    with refusals():
        # Settings that switch entry points off leave this plugin to the project's conftest.py.
        refuse_settings_of_an_option(config, config.option)
        if trains or given["full_train"] or given["train_device"]:
            from evals.harness.training.suite import resolve_training

            config.stash[TRAINING] = resolve_training(given, config.invocation_params.dir, asked=trains)
        if not names_evaluation(config):
            # Where a training alone is named, the options are its own.
            if not trains and not worker:
                refuse_options_without_a_suite(config)
            if trains and given["eval_accept"]:
                raise UsageError("--eval-accept: a training has no scores to accept; name the suites, evals -m dev.")
            return
        from evals.harness.options import resolve
        from evals.harness.plan import Plan
        from evals.harness.session import LocalSession
        from evals.harness.workers import ControllerSession, WorkerSession, distributes, refuse_wrong_workers

        settings = resolve(given, config.invocation_params.dir)
        if worker:
            session: EvalSession = WorkerSession(Plan(settings), config)
        else:
            refuse_wrong_workers(config)
            owner = ControllerSession if distributes(config) else LocalSession
            session = owner(Plan(settings), config)
        session.check()
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "papillon-session")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # Only what was named may cost a model call: `pytest .` is no evaluation.
    name = collection_path.name
    costs = name.startswith("test_") and name != "test_training.py" and in_evals(collection_path)
    if costs and not names_evaluation(config):
        return True
    # None of the project's own tests is marked so; where torch is installed, reading them all takes half a minute.
    own = CHECKOUT and collection_path.is_relative_to(PACKAGES / "tests")
    return True if own and needs(config.getoption("markexpr", "") or "", "gpu") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    session = metafunc.config.stash.get(SESSION, None)
    if session is None or not in_suite(metafunc.definition.path):
        return
    with refusals():
        session.parametrize(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Put the suites' items in their order, before any plugin cuts the list by it, as ``--sw`` does."""
    own = [item for item in items if in_suite(item.path)]
    training = [item for item in own if item.get_closest_marker("gpu")]
    if names_training(config):
        other = "test_smoke_training" if config.stash[TRAINING].full else "test_full_training"
        training = [item for item in training if getattr(item, "originalname", "") == other]
    if training:
        config.hook.pytest_deselected(items=training)
    # A suite without cases in this run has no items, not a skipped one.
    gone = {*training, *(item for item in own if item.name.endswith("[NOTSET]"))}
    # Examples first, as they are worked on; gates last: whatever ran before them, they judge every selected row.
    kept = [item for item in own if item not in gone]
    ordered = iter(sorted(kept, key=lambda item: SUITES.index(item.path.resolve().name)))
    theirs = set(items) - set(own)
    items[:] = [item if item in theirs else next(ordered) for item in items if item not in gone]
    # Where warnings are errors for the tests beside, they stay warnings here: a model's library may warn as it likes.
    rules = [*sys.warnoptions, *config.getini("filterwarnings"), *(config.getoption("pythonwarnings", None) or [])]
    for item in kept:
        for rule in rules:
            if rule.startswith("error"):
                item.add_marker(pytest.mark.filterwarnings(rule.replace("error", "default", 1)), append=False)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A suite's failure begins with its verdict in pytest's short summary too, not with the name of an exception.

    Nothing in its sentences acts on who reads them, here or in JUnit.
    """
    said = call.excinfo.value if call.excinfo is not None else None
    if isinstance(said, (pytest.fail.Exception, pytest.skip.Exception)) and in_suite(item.path):
        said.msg = visible(said.msg or "")
    report = yield
    crash: Any = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and in_suite(item.path):
        crash.message = crash.message.removeprefix("Failed: ")
        if item.config.getoption("eval_show_text"):
            from evals.harness.showing import add_to_failure

            add_to_failure(report)
    return report


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    if report.when == "call" and report.passed and ("papillon-program-error", "1") in report.user_properties:
        return "passed", "p", "PROGRAM ERROR"
    return None


@pytest.fixture(scope="session")
def evaluation(pytestconfig: pytest.Config) -> Any:
    """The suites' items' way to ask the run."""
    session = pytestconfig.stash.get(SESSION, None)
    if session is None:
        from papillon.commands import suites

        named = " ".join(suites(pytestconfig.invocation_params.dir))
        raise pytest.UsageError(f"The suites in evals/ run only where they are named: type pytest {named} -m dev.")
    from evals.harness.session import LocalSession
    from evals.harness.workers import WorkerSession

    # Items run where there are no workers, or in one of them; never in the controller.
    assert isinstance(session, (LocalSession, WorkerSession))
    return session.line()


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A function that shows a line at once, also while output is captured."""

    def line(text: str) -> None:
        if pytestconfig.get_verbosity() >= 0:
            from evals.harness import progress

            progress.say(pytestconfig, visible(text))

    return line


@pytest.fixture(scope="session")
def training(pytestconfig: pytest.Config, say: Callable[[str], None]) -> Training:
    """The training that the command line names; its tests skip or fail where nothing can be trained."""
    named = pytestconfig.stash.get(TRAINING, None)
    if named is None:
        raise pytest.UsageError(f"A training runs only where -m names it: type {TRAIN} -m gpu.")
    if (missing := named.missing()) is not None:
        if named.full or named.device != "auto":
            pytest.fail(missing, pytrace=False)
        say(missing)
        pytest.skip(missing)
    try:
        named.task(smoke=not named.full)
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)
    return named
