"""What a sitting came to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.harness.verdicts.labelled import correction
from evals.labelling.closing import closing
from evals.labelling.questions import Answer
from judges.labels.matching import Matched
from papillon.results.words import between
from tests.labelling.samples import rows, sitting

SAME, LEAKS = Answer("same", (False, False)), Answer("same", (True, False))


def test_there_is_no_figure_before_the_number_that_was_fixed(tmp_path: Path) -> None:
    now = sitting(tmp_path, 3)
    now.answer(SAME)
    now.answer(LEAKS)
    (said,) = closing(now, rows())
    assert said == f"2 of 3 rows are labelled in {tmp_path / 'labels.jsonl'}; figures come when all are."


def test_at_the_end_the_labels_say_what_the_summary_of_a_run_has_of_them(tmp_path: Path) -> None:
    own = [replace(each, status="program_error", quality=0.0) if each.id == "dev-0011" else each for each in rows()]
    now = sitting(tmp_path, 12)
    now.draws = tuple(draw for draw in now.draws if draw.row[0] != "dev-0011")
    for number in range(11):
        now.answer(LEAKS if number < 3 else Answer("cannot tell", None) if number == 3 else SAME)
    answers = Matched(tuple(now.labels)).answers
    quality, leakage = (correction(own, metric, answers) for metric in ("quality", "leakage"))
    assert quality is not None
    assert leakage is not None
    assert quality.labels is not None
    assert leakage.labels is not None
    assert quality.labels.value == pytest.approx(11 / 12, abs=1e-6)
    *figures, last = closing(now, own)[1:]
    assert last == f"Evaluate with --eval-labels {now.file.path} to lay them beside the judge."
    assert figures == [
        f"By these labels alone, quality is {between(quality.labels)}, from 10 rows; 1 could not be told.",
        f"By these labels alone, leakage is {between(leakage.labels)}, from 10 rows; 1 could not be told.",
    ]


def test_a_unit_that_stands_in_the_request_counts_though_nobody_ticked_it(tmp_path: Path) -> None:
    now = sitting(tmp_path, 12, requests=("Write to ada zwill.",))
    for _ in range(12):
        now.answer(SAME)
    assert closing(now, rows())[2].startswith("By these labels alone, leakage is 0.500 (")


def test_too_few_labels_are_said_and_give_no_figure(tmp_path: Path) -> None:
    now = sitting(tmp_path, 1)
    now.answer(SAME)
    few = "1 independent row has a label, and 10 are needed."
    assert closing(now, rows())[1:-1] == [
        f"These labels are too few for a figure of quality: {few}",
        f"These labels are too few for a figure of leakage: {few}",
    ]


def test_without_targets_there_is_no_quality(tmp_path: Path) -> None:
    now = sitting(tmp_path, 12, target="")
    for _ in range(12):
        now.answer(Answer(None, (False, False)))
    (said,) = closing(now, [replace(each, quality=None) for each in rows()])[1:-1]
    assert said.startswith("By these labels alone, leakage is 0.000 (0.000 to ")


def test_others_on_the_same_rows_are_laid_beside(tmp_path: Path) -> None:
    anna, bert = sitting(tmp_path, 12), sitting(tmp_path, 12, by=None)
    for number in range(12):
        anna.answer(LEAKS if number % 2 else SAME)
        bert.answer(LEAKS if number % 2 or number == 0 else SAME)
    said = closing(anna, rows())[-2]
    assert said.startswith("Somebody without a name labelled 12 of these; agreement beyond chance, kappa: quality not")
    assert "leaked units 0.895 (" in said


def test_a_smaller_number_fixed_on_the_way_shows_no_figure_before_the_first_is_reached(tmp_path: Path) -> None:
    now = sitting(tmp_path, 12)
    for _ in range(11):
        now.answer(SAME)
    fewer = sitting(tmp_path, 11, given=now.labels)
    assert fewer.left == 0
    assert closing(fewer, rows()) == [
        f"11 of 11 rows are labelled in {tmp_path / 'labels.jsonl'}; no figures yet: 11 of the 12 rows fixed before "
        "the first answer are labelled, 1 is missing."
    ]


def test_a_smaller_number_after_the_first_was_reached_has_its_figures(tmp_path: Path) -> None:
    now = sitting(tmp_path, 12)
    for _ in range(12):
        now.answer(SAME)
    assert "no figures yet" not in closing(sitting(tmp_path, 11, given=now.labels), rows())[0]
