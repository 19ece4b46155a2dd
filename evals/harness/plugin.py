"""The pytest plugin behind the suites in ``evals/``: the hooks of a session in the order they are called.

Each hook is a few lines that hand over to the session's own object. Importing this imports no DSPy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.harness.asked import asks_for_evaluation, asks_for_training
from evals.harness.options import OPTIONS, resolve
from evals.harness.plan import Plan
from evals.harness.session import ControllerSession, EvalSession, LocalSession, WorkerSession
from evals.harness.training_suite import Training, resolve_training
from papillon.errors import UsageError
from papillon.profile import ROOT

SESSION = pytest.StashKey[EvalSession]()
TRAINING = pytest.StashKey[Training]()

#: Where the suites' items stand among each other, whatever their files are called.
ORDER = {"test_example": 1, "test_control": 2, "test_judge": 3, "test_gate": 4}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("papillon", "evaluation of PAPILLON")
    for option in OPTIONS:
        kind: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        group.addoption(option.flag, dest=option.dest, default=None, help=option.help, **kind)


def pytest_configure(config: pytest.Config) -> None:
    given = {option.dest: config.getoption(option.dest) for option in OPTIONS}
    trains = asks_for_training(config)
    try:
        if trains or given["full_train"] or given["train_device"]:
            config.stash[TRAINING] = resolve_training(given, config.invocation_params.dir, asked=trains)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    # Where only a training is asked for, the options are its own, and no evaluation begins.
    evaluates = not trains and any(value for name, value in given.items() if name.startswith("eval_"))
    if not asks_for_evaluation(config) and not evaluates:
        return
    try:
        settings = resolve(given, config.invocation_params.dir)
        if hasattr(config, "workerinput"):
            session: EvalSession = WorkerSession(Plan(settings), config)
        elif config.pluginmanager.hasplugin("dsession") or _distributes(config):
            session = ControllerSession(Plan(settings), config)
        else:
            session = LocalSession(Plan(settings), config)
        session.check()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "papillon-session")


def _distributes(config: pytest.Config) -> bool:
    return bool(config.getoption("tx", None)) or config.getoption("dist", "no") != "no"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # Only what was asked for by name may cost a model call: `pytest .` is no evaluation.
    suite = collection_path.parent == Path(__file__).parents[1] and collection_path.name.startswith("test_")
    if suite and collection_path.name != "test_training.py" and not asks_for_evaluation(config):
        return True
    # None of the project's own tests is marked so; where torch is installed, reading them all takes half a minute.
    if (config.getoption("markexpr", "") or "").strip() == "gpu" and collection_path.is_relative_to(ROOT / "tests"):
        return True
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    session = metafunc.config.stash.get(SESSION, None)
    if session is None or "evaluation" not in metafunc.fixturenames:
        return
    try:
        session.parametrize(metafunc)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    training = [item for item in items if item.get_closest_marker("gpu")]
    if asks_for_training(config):
        other = "test_smoke_training" if config.stash[TRAINING].full else "test_full_training"
        training = [item for item in training if getattr(item, "originalname", "") == other]
    if training:
        config.hook.pytest_deselected(items=training)
        items[:] = [item for item in items if item not in training]
    # A suite without cases in this run has no items, not a skipped one.
    items[:] = [item for item in items if not item.name.endswith("[NOTSET]")]
    # Examples first, as they are worked on; gates last: whatever ran before them, they judge every selected row.
    items.sort(key=lambda item: ORDER.get(getattr(item, "originalname", ""), 0))


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    if report.when == "call" and report.passed and ("papillon-program-error", "1") in report.user_properties:
        return "passed", "p", "PROGRAM ERROR"
    return None


@pytest.fixture(scope="session")
def evaluation(pytestconfig: pytest.Config) -> Any:
    """The run, as the suites' items ask it."""
    session = pytestconfig.stash.get(SESSION, None)
    if session is None:
        raise pytest.UsageError("The suites in evals/ run only when asked for by path: type pytest evals -m dev.")
    # Items run where there are no workers, or in one of them; never in the controller.
    assert isinstance(session, (LocalSession, WorkerSession))
    return session.line()


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Shows a line at once, also while output is captured."""
    terminal: Any = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture: Any = pytestconfig.pluginmanager.get_plugin("capturemanager")

    def line(text: str) -> None:
        if terminal is not None and pytestconfig.option.verbose >= 0:
            with capture.global_and_fixture_disabled():
                terminal.ensure_newline()
                terminal.write_line(text)
                terminal.flush()

    return line


@pytest.fixture(scope="session")
def training(pytestconfig: pytest.Config, say: Callable[[str], None]) -> Training:
    """What the command line asks of the training suite; its tests skip or fail where nothing can be trained."""
    asked = pytestconfig.stash.get(TRAINING, None)
    if asked is None:
        raise pytest.UsageError("A training runs only where it is asked for: type pytest -m gpu.")
    if (missing := asked.missing()) is not None:
        if asked.full or asked.device != "auto":
            pytest.fail(missing, pytrace=False)
        say(missing)
        pytest.skip(missing)
    return asked
