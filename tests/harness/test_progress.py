"""Progress on a terminal's last line, and what of it stays where the window is narrow."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.harness.evaluation.scheduler import Progress
from evals.harness.progress import FIRST, MOST, StatusLine, progress_line
from papillon.profile import ROOT
from tests.harness.runs import Evaluator
from tests.model_server import ModelServer


class Screen(io.StringIO):
    """A terminal of so many columns that understands what a status line sends."""

    def __init__(self, columns: int = 40) -> None:
        super().__init__()
        self.columns, self.lines, self.row, self.column = columns, [""], 0, 0

    def write(self, text: str) -> int:
        for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", text, re.DOTALL):
            match piece:
                case "\n":
                    self.row, self.column = self.row + 1, 0
                    self.lines += [""] * (self.row + 1 - len(self.lines))
                case "\r":
                    self.column = 0
                case "\x1b[K":
                    self.lines[self.row] = self.lines[self.row][: self.column]
                case "\x1b[A":
                    self.row -= 1
                case _ if piece.endswith("G"):
                    self.column = int(piece[2:-1]) - 1
                case _ if piece.startswith("\x1b"):
                    pass
                case _:
                    if self.column == self.columns:
                        self.write("\n")
                    line = self.lines[self.row].ljust(self.column)
                    self.lines[self.row] = line[: self.column] + piece + line[self.column + 1 :]
                    self.column += 1
        return len(text)

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.lines]


class Line(StatusLine):
    """A status line on such a screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.width = lambda: screen.columns  # type: ignore[method-assign]


class TestStatusLine:
    def test_it_stands_below_what_was_written_and_is_written_over(self) -> None:
        screen = Screen()
        line = Line(screen)
        line.write("suite.py ..")
        line.show("2/20 examples · 1:00 left")
        line.show("3/20 examples")
        assert screen.shown == ["suite.py ..", "3/20 examples"]

    def test_it_gives_way_and_nothing_of_it_stays(self) -> None:
        screen = Screen()
        line = Line(screen)
        line.write("suite.py .")
        line.show("1/20 examples")
        line.write("\x1b[32m.\x1b[0m")
        line.show("2/20 examples")
        line.write(".\nnext.py ")
        line.show("3/20 examples")
        line.clear()
        assert screen.shown[:2] == ["suite.py ...", "next.py"]
        assert not any("examples" in shown for shown in screen.shown)

    def test_at_the_start_of_a_line_it_takes_that_line(self) -> None:
        screen = Screen()
        line = Line(screen)
        line.write("done\n")
        line.show("1/20 examples")
        assert screen.shown == ["done", "1/20 examples"]
        line.write("more\n")
        assert screen.shown[:2] == ["done", "more"]

    @given(st.lists(st.text("ab.\n", max_size=60), max_size=8))
    def test_without_it_the_screen_is_the_same_however_wide_the_text(self, texts: list[str]) -> None:
        plain, beside = Screen(17), Screen(17)
        line = Line(beside)
        for number, text in enumerate(texts):
            plain.write(text)
            if len(plain.lines[plain.row]) == 17:
                return  # a terminal's cursor waits behind the last column, and pytest does not write there
            line.write(text)
            line.show(f"status {number}")
        line.clear()
        assert [shown for shown in beside.shown if shown] == [shown for shown in plain.shown if shown]

    def test_two_threads_do_not_mix(self) -> None:
        screen = Screen(200)
        line = Line(screen)
        shows = threading.Thread(target=lambda: [line.show(f"status {n}") for n in range(300)])
        shows.start()
        for _ in range(150):
            line.write(".")
        shows.join()
        line.clear()
        assert screen.shown[0] == "." * 150

    def test_it_is_the_file_for_everything_else(self) -> None:
        screen = Screen()
        assert StatusLine(screen).isatty() is False
        assert StatusLine(screen).width() == 80


def run_at(**changed: Any) -> Any:
    """A run that is in the middle, as far as its progress shows."""
    at = {
        "done": 112, "total": 225, "controls_done": 3, "controls": 1125, "quality": 0.8333, "leakage": 0.1177,
        "seconds": 60.0, "left": 740.0,
    } | changed  # fmt: skip
    ledger = SimpleNamespace(made=1350, replayed=12, usd=lambda: 10.126)
    return SimpleNamespace(
        scheduler=SimpleNamespace(progress=lambda: Progress(**at)), examined=[], cases_answered=0, ledger=ledger
    )


class TestProgressLine:
    def test_wide_enough_it_says_everything(self) -> None:
        assert progress_line(run_at(), 200) == (
            "112/225 examples · 3/1125 control samples · 12:20 left · quality 0.83 leakage 0.12 · "
            "1350 calls made, 12 replayed · 10.13 USD"
        )

    @pytest.mark.parametrize("width", [60, 79, 80, 100])
    def test_calls_and_cost_stay_where_it_is_narrow(self, width: int) -> None:
        line = progress_line(run_at(), width)
        assert len(line) <= width
        assert line.startswith("112/225 examples · ")
        assert line.endswith("1350 calls made, 12 replayed · 10.13 USD")

    @given(st.integers(1, 200))
    def test_it_is_never_wider_than_the_window(self, width: int) -> None:
        assert 0 < len(progress_line(run_at(), width)) <= width


def in_terminal(evaluator: Evaluator, columns: int, *arguments: str) -> str:
    """What a run writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    environment = evaluator.environment(TERM="xterm", COLUMNS=str(columns))
    process = subprocess.Popen(
        evaluator.command(*arguments), cwd=ROOT, env=environment, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        written += piece
    process.wait(60)
    os.close(ours)
    return written.decode()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_run_on_a_terminal_leaves_no_progress_behind(
    evaluator: Evaluator, columns: int, workers: tuple[str, ...]
) -> None:
    with ModelServer(latency=0.5) as server:
        profile = evaluator.profile(server.base, concurrency="2")
        raw = in_terminal(
            evaluator, columns, "evals", "-m", "dev", "--eval-limit", "4", *workers, f"--eval-profile={profile}"
        )
    said = re.findall(r"\d/4 examples · [^\r\x1b]*", raw)
    assert len(said) > 3
    assert all(len(line) < columns for line in said)
    assert all("calls made" in line for line in said)
    screen = Screen(columns)
    screen.write(raw)
    assert any(line.startswith("====") and "PAPILLON" in line for line in screen.shown)
    assert not [line for line in screen.shown if "/4 examples" in line]


@pytest.mark.slow
def test_in_a_log_it_is_a_line_after_ten_seconds_and_then_more_seldom(evaluator: Evaluator, tmp_path: Path) -> None:
    assert (FIRST, MOST) == (10.0, 60.0)
    with ModelServer(latency=2.5) as server:
        profile = evaluator.profile(server.base, concurrency="2")
        loud = evaluator.run("evals", "-m", "dev", "--eval-limit", "3", f"--eval-profile={profile}")
        evaluator.cache = tmp_path / "other"
        quiet = evaluator.run("evals", "-m", "dev", "--eval-limit", "3", f"--eval-profile={profile}", "-q")
    assert loud.code == quiet.code == 0
    assert len(re.findall(r"^\d/3 examples · ", loud.out, re.MULTILINE)) in (1, 2)
    assert "/3 examples" not in quiet.out
