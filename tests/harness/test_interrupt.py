"""Ctrl-C while a run is under way: the first is a KeyboardInterrupt after its words, the second ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from evals.harness.interrupt import Interrupts
from papillon.profile import ROOT

PRESSED = """
import os, signal, sys
from evals.harness.interrupt import Interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
interrupts = Interrupts(lambda: print("first", flush=True), lambda: print("last", flush=True))
interrupts.watch()
for call in sys.argv[1:]:
    try:
        os.kill(os.getpid(), signal.SIGINT) if call == "press" else getattr(interrupts, call)()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print("went on", flush=True)
"""


def said(*calls: str) -> tuple[int, list[str]]:
    """What a process prints that presses Ctrl-C between calls of the interrupts, and how it ends."""
    command = [sys.executable, "-c", PRESSED, *calls]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert not done.stderr
    return done.returncode, done.stdout.split("\n")[:-1]


def test_the_first_is_an_interrupt_and_the_second_ends_the_process_with_pytests_code() -> None:
    assert said("press") == (0, ["first", "interrupted", "went on"])
    assert said("press", "press") == (2, ["first", "interrupted", "last"])


def test_where_calls_are_stopped_already_the_next_one_ends_the_process() -> None:
    assert said("stopping", "press") == (2, ["last"])


def test_with_no_call_in_flight_it_interrupts_as_anywhere() -> None:
    assert said("press", "stopped", "press") == (0, ["first", "interrupted", "first", "interrupted", "went on"])


def test_what_is_forgotten_says_nothing_more() -> None:
    assert said("forget", "press") == (0, ["interrupted", "went on"])


class TestSomebodyElses:
    @pytest.fixture(autouse=True)
    def kept(self) -> Iterator[None]:
        before = signal.getsignal(signal.SIGINT)
        yield
        signal.signal(signal.SIGINT, before)

    def test_a_handler_of_another_is_left_alone(self) -> None:
        seen: list[int] = []
        signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
        interrupts = Interrupts(seen.clear, seen.clear)
        interrupts.watch()
        os.kill(os.getpid(), signal.SIGINT)
        interrupts.forget()
        os.kill(os.getpid(), signal.SIGINT)
        assert seen == [signal.SIGINT, signal.SIGINT]

    def test_outside_the_main_thread_nothing_is_watched(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        other = threading.Thread(target=Interrupts(lambda: None, lambda: None).watch)
        other.start()
        other.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
