"""The questions at the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.labelling.sitting import Sitting
from evals.labelling.terminal import asked_at_terminal
from tests.labelling.samples import HOSTILE, sitting


def typed(*lines: str) -> Callable[[str], str]:
    left = iter(lines)

    def read(prompt: str) -> str:
        print(prompt, end="")
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return read


def after(folder: Path, *lines: str, n: int = 2, **texts: Any) -> Sitting:
    now = sitting(folder, n, **texts)
    asked_at_terminal(now, typed(*lines))
    return now


def test_two_lines_a_row_label_it(tmp_path: Path) -> None:
    now = after(tmp_path, "2", "", "0", "1, 2")
    assert [(each.quality, each.leakage) for each in now.labels] == [
        ("tie", (False, False)),
        ("cannot tell", (True, True)),
    ]


@pytest.mark.parametrize(
    ("line", "leakage"),
    [
        ("1 2", (True, True)),
        ("2", (False, True)),
        ("a", (True, True)),
        ("A", (True, True)),
        ("?", None),
        (" ", (False,) * 2),
    ],
)
def test_units_are_named_by_their_numbers(tmp_path: Path, line: str, leakage: object) -> None:
    assert after(tmp_path, "2", line, n=1).labels[0].leakage == leakage


def test_what_means_nothing_is_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = after(tmp_path, "4", "1", "3", "0", "x", "²", "1", n=1)
    assert now.labels[0].leakage == (True, False)
    assert capsys.readouterr().out.count("That is none of these.") == 5


def test_one_step_back_is_to_the_replies_and_then_to_the_row_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = after(tmp_path, "u", "2", "", "1", "u", "u", "2", "a", "0", "?")
    assert [(each.quality, each.leakage) for each in now.labels] == [("tie", (True, True)), ("cannot tell", None)]
    said = capsys.readouterr().out
    assert said.count("There is nothing to take back.") == 1
    assert said.count("Taken back.") == 1


@pytest.mark.parametrize("lines", [("2", "", "q"), ("2", "", "2", "q"), ("2", ""), ("2", "", "2")])
def test_ending_it_keeps_the_rows_that_were_answered(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert after(tmp_path, *lines, n=3).left == 2


def test_a_row_that_has_not_all_is_asked_what_it_has(tmp_path: Path) -> None:
    assert after(tmp_path, "", n=1, target="", units=()).labels[0].quality is None
    assert after(tmp_path / "b", "3", n=1, requests=()).labels[0].leakage == (False, False)
    assert after(tmp_path / "c", "u", "1", n=1, target="").labels[0].leakage == (True, False)


def test_hostile_texts_act_on_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    after(tmp_path, n=1, query=f"{HOSTILE}\x1b[2J\r", units=("\x9bunit",), response="\x07")
    said = capsys.readouterr().out
    assert not {"\x1b", "\r", "\u202e", "\x9b", "\x07"} & {*said}
    assert "\\x1b[2J" in said
