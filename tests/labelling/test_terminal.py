"""The questions at the terminal."""

from __future__ import annotations

import json
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


def test_at_the_end_an_answer_is_taken_back_now_and_in_a_later_sitting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = after(tmp_path, "2", "", "x", "u", "1", "a", "", n=1)
    assert [each.leakage for each in now.labels] == [(True, True)]
    assert capsys.readouterr().out.count("All rows are labelled: Enter ends, u takes back: ") == 3
    later = sitting(tmp_path, 1, given=now.labels)
    asked_at_terminal(later, typed("u", "q"))
    assert later.left == 1


def test_a_comment_is_kept_with_its_answer_and_one_of_a_row_that_was_left_is_not(tmp_path: Path) -> None:
    now = after(tmp_path, "2", "", "c of a row that was left", "u", "C Not his tone.", "2", "c And long.", "", "2", "")
    lines = (tmp_path / "labels.comments.jsonl").read_text().splitlines()
    comments = [json.loads(line) for line in lines]
    assert [(each["id"], each["comment"]) for each in comments] == [(now.draws[0].row[0], "Not his tone.\nAnd long.")]


def test_a_comment_without_words_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    after(tmp_path, "c", "2", "", n=1)
    assert "That is none of these." in capsys.readouterr().out


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
