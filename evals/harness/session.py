"""Session: one pytest session of an evaluation, and the process that owns its run.

Each role is a class with its own hooks: a session without workers stands here, those of pytest-xdist in ``workers``.
"""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any

import pytest

from evals.harness.accepting import refuse_acceptance
from evals.harness.command_line import only_shows, refusals
from evals.harness.interrupt import Interrupts
from evals.harness.items import Line
from evals.harness.marks import refuse_wrong_expressions
from evals.harness.next_command import command_lines, next_command, same_command
from evals.harness.outputs import Outputs, refuse_unwritable, write_nothing
from evals.harness.plan import JUDGED, Plan
from evals.harness.progress import Progress, say
from evals.harness.reports.terminal import closing_lines, write_section
from evals.harness.run import Run
from evals.harness.run_result import run_result
from evals.harness.selection import Selection, nothing_selected, refuse_selection
from evals.harness.showing import Showing, take
from papillon.errors import UsageError
from papillon.models.providers import made_known, missing_means, provider_of
from papillon.screen import visible

__all__ = ["EvalSession", "LocalSession", "Owner"]


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


class Owner(EvalSession):
    """A session that owns the run."""

    def __init__(self, plan: Plan, config: pytest.Config) -> None:
        super().__init__(plan, config)
        self.run: Run | None = None
        #: What keeps the run from a clean end beside its rows and gates, one sentence each.
        self.problems: list[str] = []
        self.outputs: Outputs | None = None
        self._unwritten = ""
        self.progress = Progress(config)
        self.showing = Showing()
        self._interrupts = Interrupts(self._interrupted, self.progress.last_words)

    def check(self) -> None:
        profile, record = self.plan.settings.profile, self.plan.settings.record
        for model in profile.models.values():
            provider_of(model)  # of what cannot be, a strict replay has no calls either
            if record == "none" or only_shows(self.config):
                continue
            if (missing := missing_means(model)) is not None:
                raise UsageError(missing)
            made_known(model)
        # Read now: what cannot be read is refused before anything is collected.
        _ = self.plan.examples, self.plan.baselines, self.plan.labels
        if not only_shows(self.config):
            refuse_unwritable(self.plan.settings)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        # Every plugin has registered its marks by now, and no worker has been started yet.
        with refusals():
            refuse_wrong_expressions(self.config)
        self._session = session

    def prepare(self, node_ids: list[str]) -> None:
        """Prepare the run of what was selected, before any item runs; it begins with the first item that asks."""
        selection = Selection(node_ids, self.plan)
        if not selection or only_shows(self.config):
            return
        if (failed := self._session.testsfailed) and not self.config.option.continue_on_collection_errors:
            # pytest alone does so by itself, xdist's controller does not.
            raise self._session.Interrupted(f"{failed} error{'s' * (failed > 1)} during collection")
        self.showing = Showing.of(self.config, self.plan, selection)
        run = Run(self.plan, selection, self.showing)
        with refusals(run.leaving.discard):
            refuse_selection(selection, self.plan)
            if self.plan.settings.accept:
                refuse_acceptance(selection, self.plan)
            # What the models' libraries warn of is no error here, whatever the tests beside make of warnings.
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                run.prepare()
        self.run = run
        self.progress.begin(run)
        self._interrupts.watch()

    def _interrupted(self) -> None:
        # At once, and not when pytest ends the session: until then many a call would begin.
        if self.run is not None and self.run.finished is None:
            self.run.stop()
        self.progress.first_words()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Show an example's texts below its line, and let no other plugin have them."""
        texts = take(report)
        yield
        if texts and report.when == "call":  # what comes later has them too
            say(self.config, texts)

    def end(self, session: pytest.Session) -> None:
        """Close the run, write its files, and let only a clean run end in 0."""
        plugins = self.config.pluginmanager
        if "hypothesis" not in sys.modules and (plugin := plugins.get_plugin("hypothesispytest")) is not None:
            # It would import all of hypothesis, a third of a second, to say that no test used it.
            plugins.unregister(plugin)
        if self.run is None:
            if not only_shows(self.config):
                self._nothing(session)
            return
        self._interrupts.stopping()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            self.run.close()
        self._interrupts.stopped()
        self.progress.end()
        result = run_result(self.run).with_problems(*self.problems, *self.run.problems)
        self.outputs = Outputs(self.run, result, same_command(self.config))
        self.outputs.write()
        if self.outputs.stopped:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self.outputs.result.exit_code

    def _nothing(self, session: pytest.Session) -> None:
        """Say for a pull request that there was no run, or it would show none, or an older one."""
        why = "The evaluation ended before it began; the log says why."
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            why = self._nothing_selected()
        self._unwritten = write_nothing(self.plan.settings, why, same_command(self.config))

    def _nothing_selected(self) -> str:
        keyword, marks = self.config.getoption("keyword", ""), self.config.getoption("markexpr", "")
        return nothing_selected(self.plan, keyword=keyword, marks=marks)

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        if self.outputs is not None:
            width, verbosity = terminalreporter._tw.fullwidth, self.config.get_verbosity()
            here = self.config.invocation_params.dir
            command = self.run.leaving.command(here) if self.run is not None else ""
            lines = closing_lines(
                self.outputs.result,
                width,
                verbosity=verbosity,
                left=self.outputs.left(here),
                show=command,
                accepted=self.outputs.accepted,
                unshown=self.showing.closing(command),
                since=self.outputs.since_line(),
                following=command_lines(next_command(self.outputs.result, self.config), width),
            )
            write_section(terminalreporter, lines, verbosity=verbosity)
        elif exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            terminalreporter.write_line(visible(self._nothing_selected(), one_line=True))
        if self._unwritten:
            terminalreporter.write_line(visible(self._unwritten, one_line=True))

    def pytest_unconfigure(self) -> None:
        self._interrupts.forget()


class LocalSession(Owner):
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
