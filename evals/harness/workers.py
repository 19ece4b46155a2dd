"""Workers: the two roles of a session under pytest-xdist, the controller that owns the run and its workers."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Generator
from typing import Any

import pytest

from evals.harness.causes import again_replayed
from evals.harness.items import Line
from evals.harness.plan import Plan
from evals.harness.progress import say
from evals.harness.protocol import Listener, WorkerLine
from evals.harness.session import EvalSession, Owner
from evals.harness.stopped import StoppedWorkers, children, go_on
from papillon.errors import UsageError

__all__ = ["ControllerSession", "WorkerSession", "distributes", "refuse_wrong_workers"]


def distributes(config: pytest.Config) -> bool:
    """Whether pytest-xdist is about to start workers, as it decides that itself; False where it is not loaded."""
    return (
        config.getoption("dist", "no") != "no"
        and bool(config.getoption("tx", None))
        and not config.getoption("collectonly")
        and not config.pluginmanager.is_blocked("dsession")
    )


def refuse_wrong_workers(config: pytest.Config) -> None:
    """Raise UsageError for a ``--tx`` that an evaluation cannot have, or that would start no worker."""
    specs = config.getoption("tx", None) or []
    for spec in specs:
        if not str(spec).rpartition("*")[2].startswith("popen"):
            raise UsageError(
                f"--tx {spec}: the workers of an evaluation run on this machine, as popen; "
                "for other machines use --eval-shard I/N."
            )
    if specs and config.getoption("dist") == "no":
        raise UsageError(
            f"--tx {specs[0]}: expected --dist beside it, without which pytest-xdist starts no worker; "
            "add --dist load, or type -n 1 instead."
        )


class ControllerSession(Owner):
    """xdist's controller: it owns the run and answers its workers over a socket."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        super().__init__(plan, config)
        self._listener: Listener | None = None
        self._over = threading.Event()
        self._expected: set[str] = set()
        self._reported: set[str] = set()
        #: The workers' processes with their names; until all are started, whatever was started.
        self._workers: dict[int, str] = {}
        self._starting = True

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.run is not None
        return self.run.answer(question)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        # Not before: where the session is refused there is nobody to listen to, and nobody to end it.
        self._listener = self._listener or Listener(self._answer)
        node.workerinput["papillon_socket"] = self._listener.path
        # Before a worker has said who it is, execnet alone knows its process.
        if (process := getattr(getattr(node.gateway, "_io", None), "popen", None)) is not None:
            self._workers[process.pid] = f"Worker {node.gateway.id}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> Generator[None]:  # type: ignore[override]
        super().pytest_sessionstart(session)
        threading.Thread(target=self._watch, name="papillon-workers", daemon=True).start()
        try:
            yield
        except (OSError, EOFError) as error:
            if _told_by_execnet(error):
                pytest.exit(f"A worker died while it was started ({type(error).__name__}): start the run again.", 1)
            raise
        self._starting = False

    def _watch(self) -> None:
        stopped = StoppedWorkers()
        while not self._over.wait(2):
            for sentence in stopped.look(self._processes()):
                say(self.config, sentence)

    def _processes(self) -> dict[int, str]:
        return (dict.fromkeys(children(), "A worker") if self._starting else {}) | self._workers

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest tells what it collected even where a plugin has raised meanwhile, and xdist dies of sending items to a
        # worker that has ended of that, before it hears what the worker says of it.
        workers: Any = self.config.pluginmanager.get_plugin("dsession")
        if isinstance(excinfo.value, OSError) and _told_by_execnet(excinfo.value):
            for event, said in list(workers.queue.queue):
                if event == "internal_error":
                    workers.worker_internal_error(**said)

    def pytest_keyboard_interrupt(self) -> None:
        go_on(self._processes())  # a stopped worker would not hear that it is to end, and is waited for

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        # xdist lets another do what a dead one had not begun, so that nothing may be missing.
        self._workers = {
            process: name for process, name in self._workers.items() if name != f"Worker {node.gateway.id}"
        }
        if error:
            again = again_replayed(self.plan.settings.record)
            self.problems.append(f"Worker {node.gateway.id} died before its end ({error}): {again}.")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        if self._expected:
            return  # the nodes collect the same
        self._expected = set(ids)
        self.prepare(ids)
        if self.run is not None:
            # The controller waits for its workers; while they wait for the run, only a thread can show how far it is.
            threading.Thread(target=self._show_progress, name="papillon-progress", daemon=True).start()

    def _show_progress(self) -> None:
        workers: Any = self.config.pluginmanager.get_plugin("dsession")
        while not self._over.wait(0.5):
            self.progress.tick()
            if getattr(workers, "shouldstop", False) and self.run is not None:
                # With -x, xdist lets its workers end the items that they are at, and these wait for the run.
                self.run.stop()

    def _stop_listening(self) -> None:
        self._over.set()
        if self._listener is not None:
            self._listener.close()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        if report.when == "call" or report.outcome != "passed":
            self._reported.add(report.nodeid)
        _share_texts(report)
        yield from super().pytest_runtest_logreport(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # First of all, so that workers that still wait learn that the session is over.
        self._stop_listening()
        missing = self._expected - self._reported
        if missing and self.run is not None:
            self.problems.append(
                f"{len(missing)} of {len(self._expected)} items never reported (first: {min(missing)}); "
                f"a worker died or the run was stopped: {again_replayed(self.plan.settings.record)}."
            )
        self.end(session)

    def pytest_unconfigure(self) -> None:
        self._stop_listening()
        super().pytest_unconfigure()


def _told_by_execnet(error: BaseException) -> bool:
    """Whether an error came up where this process talks to a worker."""
    passed = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(name.startswith("execnet") for name in passed)


def _share_texts(report: pytest.TestReport) -> None:
    """Hold equal texts of reports once. pytest keeps each report to the end, and one from a worker comes with copies of
    its own of what all have and of what the item's other reports say: an eighth of what a row costs in memory."""
    report.keywords = {sys.intern(word): value for word, value in report.keywords.items()}
    report.user_properties = [
        (sys.intern(name), sys.intern(value) if type(value) is str else value) for name, value in report.user_properties
    ]


class WorkerSession(EvalSession):
    """One of xdist's workers: it makes the plan itself, and asks the controller's run for results."""

    _line: WorkerLine | None = None

    def check(self) -> None:
        """The controller has checked before it started this worker."""

    def line(self) -> Line:
        self._line = WorkerLine(self.config.workerinput["papillon_socket"])  # type: ignore[attr-defined]
        return Line(self._line)

    def pytest_unconfigure(self) -> None:
        if self._line is not None:
            self._line.close()
