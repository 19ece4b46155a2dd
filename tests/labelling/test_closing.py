"""What a sitting came to."""

from __future__ import annotations

from pathlib import Path

from evals.labelling.closing import closing
from evals.labelling.questions import Answer
from judges.labels.drawing import Draw
from tests.labelling.samples import sitting

SAME, LEAKS = Answer("same", (False, False)), Answer("same", (True, False))


def test_there_is_no_figure_before_the_number_that_was_fixed(tmp_path: Path) -> None:
    now = sitting(tmp_path, 3)
    now.answer(SAME)
    now.answer(LEAKS)
    (said,) = closing(now, [])
    assert said == f"2 of 3 rows are labelled in {tmp_path / 'labels.jsonl'}; figures come when all are."


def test_at_the_end_the_labels_say_what_they_say_with_the_weights_of_their_groups(tmp_path: Path) -> None:
    now = sitting(tmp_path, 3)
    now.draws = (*now.draws[:2], Draw(now.draws[2].row, "large", 2))
    now.answer(SAME)
    now.answer(Answer("cannot tell", None))
    now.answer(LEAKS)
    *figures, last = closing(now, [])[1:]
    assert last == f"Evaluate with --eval-labels {now.file.path} to lay them beside the judge."
    assert figures == [
        "By these labels alone, quality is 1.000, from 2 rows; 1 could not be told.",
        "By these labels alone, leakage is 0.333, from 2 rows; 1 could not be told.",
    ]


def test_without_targets_there_is_no_quality(tmp_path: Path) -> None:
    now = sitting(tmp_path, 1, target="")
    now.answer(Answer(None, (False, False)))
    assert closing(now, [])[1:-1] == ["By these labels alone, leakage is 0.000, from 1 row."]


def test_others_on_the_same_rows_are_laid_beside(tmp_path: Path) -> None:
    anna, bert = sitting(tmp_path, 12), sitting(tmp_path / "b", 12, by=None)
    for number in range(12):
        anna.answer(LEAKS if number % 2 else SAME)
        bert.answer(LEAKS if number % 2 or number == 0 else SAME)
    # Hashes under another key are other texts, so his are given as hers are.
    others = [
        own.__class__(**vars(own) | {"hashes": her.hashes}) for own, her in zip(bert.labels, anna.labels, strict=True)
    ]
    said = closing(anna, others)[-2]
    assert said.startswith("Somebody without a name labelled 12 of these; agreement beyond chance, kappa: quality not")
    assert "leaked units 0.895 (" in said
