"""One pytest session of an evaluation: alone, as xdist's controller, or as one of its workers.

Three classes, each with the hooks of its role. The run itself lives in the first two only.
"""

from __future__ import annotations

import json
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from typing import Any

import pytest

from evals.harness.command_line import only_shows
from evals.harness.interrupt import Interrupts
from evals.harness.marks import refuse_wrong_expressions
from evals.harness.next_command import command_lines, next_command
from evals.harness.outputs import Outputs, refuse_unwritable
from evals.harness.plan import JUDGED, Plan
from evals.harness.progress import Progress
from evals.harness.protocol import Ask, Listener, WorkerLine
from evals.harness.reports.terminal import closing_lines, write_section
from evals.harness.run import Run
from evals.harness.run_result import run_result
from evals.harness.selection import Selection, nothing_selected, refuse_selection
from papillon.errors import PapillonError, UsageError
from papillon.models.providers import missing_means

__all__ = ["ControllerSession", "EvalSession", "Line", "LocalSession", "WorkerSession", "missed", "properties"]


class Line:
    """What an item holds: its way to ask the run."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def example(self, example_id: str) -> dict[str, Any]:
        """The ``rows`` of one example, one for each trial, and how it ``failed``, empty where it did not."""
        return self._ask({"ask": "example", "id": example_id})

    def gate(self, gate_id: str) -> list[dict[str, Any]]:
        """The verdicts of one gate, one for each bound."""
        results: list[dict[str, Any]] = self._ask({"ask": "gate", "id": gate_id})["results"]
        return results

    def control(self, control_id: str) -> dict[str, Any]:
        """``verdict`` and ``note`` of one control."""
        return self._ask({"ask": "control", "id": control_id})

    def judged(self, question: str) -> dict[str, Any]:
        """``results`` of the bars, how many cases ``failed`` and their ``causes``, for one question to the judge."""
        return self._ask({"ask": "judge", "id": question})


class EvalSession(ABC):
    """What the roles share: the plan, and how it becomes items."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        self.plan, self.config = plan, config

    @abstractmethod
    def check(self) -> None:
        """Refuse before collection what cannot work; raises UsageError."""

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Turn the plan's examples and gates into items, marked with their split."""
        if "example" in metafunc.fixturenames:
            ids = [(split, e.id) for split, examples in self.plan.examples.items() for e in examples]
            _parametrize(metafunc, "example", ids)
        if "gate" in metafunc.fixturenames:
            _parametrize(metafunc, "gate", list(dict.fromkeys((gate.split, gate.id) for gate in self.plan.gates)))
        if "control" in metafunc.fixturenames:
            _parametrize(metafunc, "control", [(split, f"{split}-{name}") for split, name in self.plan.controls])
        if "question" in metafunc.fixturenames:
            metafunc.parametrize("question", JUDGED if self.plan.examines_judge else [])


def _parametrize(metafunc: pytest.Metafunc, name: str, ids: list[tuple[str, str]]) -> None:
    marks = {split: getattr(pytest.mark, split) for split in ("dev", "test")}
    metafunc.parametrize(name, [pytest.param(id_, id=id_, marks=marks[split]) for split, id_ in ids])


class _Owner(EvalSession):
    """A session that owns the run."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        super().__init__(plan, config)
        self.run: Run | None = None
        #: What keeps the run from a clean end beside its rows and gates, one sentence each.
        self.problems: list[str] = []
        self.outputs: Outputs | None = None
        self.progress = Progress(config)
        self._interrupts = Interrupts(self.progress.first_words, self.progress.last_words)

    def check(self) -> None:
        profile, record = self.plan.settings.profile, self.plan.settings.record
        for model in profile.models.values():
            missing = missing_means(model)
            if missing is not None and record != "none" and not only_shows(self.config):
                raise UsageError(missing)
        # Read now: what cannot be read is refused before anything is collected.
        _ = self.plan.examples, self.plan.baselines
        if not only_shows(self.config):
            refuse_unwritable(self.plan.settings)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        # Every plugin has registered its marks by now, and no worker has been started yet.
        try:
            refuse_wrong_expressions(self.config)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        self._session = session

    def prepare(self, node_ids: list[str]) -> None:
        """Make the run for what was selected ready, before any item runs; it begins with the first that asks."""
        selection = Selection(node_ids, self.plan)
        if not selection or only_shows(self.config):
            return
        if (failed := self._session.testsfailed) and not self.config.option.continue_on_collection_errors:
            # pytest alone does so by itself, xdist's controller does not.
            raise self._session.Interrupted(f"{failed} error{'s' * (failed > 1)} during collection")
        run = Run(self.plan, selection)
        try:
            refuse_selection(selection, self.plan)
            # What the models' libraries warn of is no error here, whatever the tests beside make of warnings.
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                run.prepare()
        except PapillonError as error:
            raise pytest.UsageError(str(error)) from None
        self.run = run
        self.progress.begin(run)
        self._interrupts.watch()

    def end(self, session: pytest.Session) -> None:
        """Close the run, write what was asked for, and see that only a clean run ends in 0."""
        plugins = self.config.pluginmanager
        if "hypothesis" not in sys.modules and (plugin := plugins.get_plugin("hypothesispytest")) is not None:
            # It would import all of hypothesis, a third of a second, to say that no test used it.
            plugins.unregister(plugin)
        if self.run is None:
            return
        self._interrupts.stopping()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            self.run.close()
        self._interrupts.stopped()
        self.progress.end()
        self.outputs = Outputs(self.run, run_result(self.run).with_problems(*self.problems))
        self.outputs.write()
        if self.outputs.stopped:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self.outputs.result.exit_code

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        if self.outputs is not None:
            width, verbosity = terminalreporter._tw.fullwidth, self.config.get_verbosity()
            lines = closing_lines(
                self.outputs.result,
                width,
                verbosity=verbosity,
                left=self.run.leaving.line(self.config.invocation_params.dir) if self.run is not None else "",
                accepted=self.outputs.accepted,
                following=command_lines(next_command(self.outputs.result, self.config), width),
            )
            write_section(terminalreporter, lines, verbosity=verbosity)
        elif exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            keyword, marks = self.config.getoption("keyword", ""), self.config.getoption("markexpr", "")
            terminalreporter.write_line(nothing_selected(self.plan, keyword=keyword, marks=marks))

    def pytest_unconfigure(self) -> None:
        self._interrupts.forget()


class LocalSession(_Owner):
    """A session without workers: items ask the run directly, and progress is shown while they wait."""

    def line(self) -> Line:
        return Line(self._answer)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.run is not None
        self.progress.tick()
        return self.run.answer(question, self.progress.tick)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        # Not as soon as collection is over: pytest says so too where it failed.
        self.prepare([item.nodeid for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.end(session)


class ControllerSession(_Owner):
    """xdist's controller: it owns the run and answers its workers over a socket."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        super().__init__(plan, config)
        self._listener = Listener(self._answer)
        self._over = threading.Event()
        self._expected: set[str] = set()
        self._reported: set[str] = set()

    def check(self) -> None:
        super().check()
        for spec in self.config.getoption("tx", None) or []:
            if not str(spec).rpartition("*")[2].startswith("popen"):
                raise UsageError(
                    f"--tx {spec}: the workers of an evaluation run on this machine, as popen; "
                    "for other machines use --eval-shard I/N."
                )

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.run is not None
        return self.run.answer(question)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["papillon_socket"] = self._listener.path

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
        while not self._over.wait(0.5):
            self.progress.tick()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self._reported.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._over.set()
        # First of all, so that workers that still wait learn that the session is over.
        self._listener.close()
        missing = self._expected - self._reported
        if missing and self.run is not None:
            self.problems.append(
                f"{len(missing)} of {len(self._expected)} items never reported (first: {min(missing)}); "
                "a worker died or the run was stopped: run again, what is recorded is replayed."
            )
        self.end(session)


class WorkerSession(EvalSession):
    """One of xdist's workers: it knows the plan and asks the controller for everything else."""

    _line: WorkerLine | None = None

    def check(self) -> None:
        """The controller has checked before it started this worker."""

    def line(self) -> Line:
        self._line = WorkerLine(self.config.workerinput["papillon_socket"])  # type: ignore[attr-defined]
        return Line(self._line)

    def pytest_unconfigure(self) -> None:
        if self._line is not None:
            self._line.close()


def properties(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """An item's properties: its rows as one ASCII JSON string, which survives any worker's way home."""
    found = [("papillon", json.dumps(rows, ensure_ascii=True))]
    if any(row["status"] == "program_error" for row in rows):
        found.append(("papillon-program-error", "1"))
    return found


def missed(results: list[dict[str, Any]]) -> str:
    """What an item says of verdicts that are no pass, fails before what cannot be told; empty where all passed."""
    said = [f"{result['verdict'].upper()}: {result['note']}" for result in results if result["verdict"] != "pass"]
    return "\n".join(sorted(said, key=lambda line: not line.startswith("FAIL")))
