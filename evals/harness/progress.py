"""Progress: how far a run is, as one line that a terminal shows in place, and that a log repeats from time to time."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import unicodedata
from contextlib import AbstractContextManager
from typing import Any, TextIO

import pytest

from evals.harness.causes import again
from evals.harness.reports.summary import clock
from evals.harness.run import Run
from papillon.screen import visible

__all__ = ["Progress", "StatusLine", "progress_line", "say"]

#: Seconds between two lines where they stay: at first, at most, and by how much they grow.
FIRST, MOST, GROWTH = 10.0, 60.0, 1.5

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def progress_line(run: Run, width: int) -> str:
    """How far the run is, as much of it as fits ``width``: examples, calls and cost are the last to go."""
    at = run.scheduler.progress()
    parts: list[tuple[int, str]] = []
    if at.total:
        parts.append((0, f"{at.done}/{at.total} examples"))
    if at.controls:
        parts.append((5, f"{at.controls_done}/{at.controls} control samples"))
    if run.examined:
        parts.append((0, f"judge {run.cases_answered} cases"))
    if at.left is not None:
        parts.append((3, f"{clock(at.left)} left"))
    means = {"quality": at.quality, "leakage": at.leakage}
    if said := [f"{metric} {mean:.2f}" for metric, mean in means.items() if mean is not None]:
        parts.append((4, " ".join(said)))
    parts.append((1, f"{run.ledger.made} calls made, {run.ledger.replayed} replayed"))
    if (cost := run.ledger.usd()) is not None:
        parts.append((2, f"{cost:.2f} USD"))
    while len(line := " · ".join(text for _, text in parts)) > width and len(parts) > 1:
        parts.remove(max(parts))
    return line[:width]


class StatusLine:
    """A terminal's file that shows one more line below what was written last, and removes it before the next text.

    It stands in the place of the file; :meth:`show` may be called from any thread.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._above = ""
        self._shown = False

    def write(self, text: str) -> int:
        with self._lock:
            self.clear()
            self._above = _ESCAPES.sub("", (self._above + text).rpartition("\n")[2].rpartition("\r")[2])
            return self._file.write(text)

    def show(self, text: str) -> None:
        """Write ``text`` over what this line said before; it must be shorter than the window is wide."""
        with self._lock:
            self._file.write(f"\r\x1b[K{text}" if self._shown or not self._above else f"\n{text}")
            self._shown = True
            self._file.flush()

    def clear(self) -> None:
        """Take the line away, and put the cursor back to the end of what stands above it."""
        with self._lock:
            if self._shown:
                above = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in self._above)
                self._file.write("\r\x1b[K" + (f"\x1b[A\x1b[{above % self.width() + 1}G" if above else ""))
                self._shown = False

    def width(self) -> int:
        """The columns of the window at this moment."""
        try:
            return os.get_terminal_size(self._file.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Progress:
    """Shows one run's progress through pytest's terminal, often in a window, seldom in a log, and what Ctrl-C means."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._wait, self._next = FIRST, time.monotonic() + FIRST
        self._status: StatusLine | None = None
        self._run: Run | None = None

    def begin(self, run: Run) -> None:
        """From now on this run is under way."""
        self._run = run
        self._next = time.monotonic() + FIRST
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        # Where items print what they like, or another plugin writes over its own lines, nothing else may move about.
        plain = type(terminal).__module__ == "_pytest.terminal" and self._config.getoption("capture", "no") != "no"
        if plain and terminal._tw._file.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            self._status = terminal._tw._file = StatusLine(terminal._tw._file)
            self._next = time.monotonic() + 1

    def tick(self) -> None:
        """Show how far the run is, if it is time to; called whenever pytest has nothing better to do."""
        if self._run is None or not self._run.begun or self._config.get_verbosity() < 0:
            return
        for sentence in self._run.waiting():
            say(self._config, visible(sentence, one_line=True))
        terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        now = time.monotonic()
        if terminal is None or now < self._next:
            return
        if self._status is not None:
            self._next = now + 0.5
            with _uncaptured(self._config):
                width = min(self._status.width(), terminal._tw.fullwidth) - 1
                self._status.show(progress_line(self._run, width))
            return
        self._wait = min(self._wait * GROWTH, MOST)
        self._next = now + self._wait
        say(self._config, progress_line(self._run, terminal._tw.fullwidth))

    def end(self) -> None:
        """The run is over: nothing more is shown."""
        self._next = float("inf")
        if self._status is not None:
            self._status.clear()

    def first_words(self) -> None:
        """Say what a first Ctrl-C means, before the calls in flight are waited for."""
        if self._run is None or self._run.finished is not None:
            return
        self.end()
        say(self._config, "Stopping: calls in flight are waited for and recorded; Ctrl-C again ends at once.")

    def last_words(self) -> None:
        """Say what a second Ctrl-C means, before the process ends."""
        self.end()
        record = self._run.plan.settings.record if self._run is not None else "new"
        go_on = f"{again(record)} to go on".capitalize()
        say(self._config, f"Stopped at once: calls in flight were not waited for. {go_on}.")


def say(config: pytest.Config, text: str) -> None:
    """Show a line at once that stays, also while output is captured and pytest is in the middle of a line."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    with _uncaptured(config):
        path, terminal.currentfspath = terminal.currentfspath, None
        if terminal._tw.width_of_current_line:
            terminal._tw.line()
        terminal.write_line(text)
        terminal.flush()  # a log file that fills up in blocks would show nothing for minutes
        # pytest would print the suite's path again before the next letter.
        terminal.currentfspath = path


def _uncaptured(config: pytest.Config) -> AbstractContextManager[Any]:
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    return contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled()
