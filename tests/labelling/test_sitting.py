"""One person's way through the drawn rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evals.labelling.questions import Answer
from evals.labelling.sitting import Outdated, Sitting
from judges.labels.drawing import order
from judges.labels.file import LabelFile
from judges.labels.label import Drawn
from papillon.errors import UsageError
from tests.labelling.samples import rows, sitting

SAME, LEAKS = Answer("same", (False, False)), Answer("same", (True, True))


def again(before: Sitting, folder: Path, n: int = 5, by: str = "anna") -> Sitting:
    """The same after the command was started anew."""
    from judges.labels.matching import current

    return sitting(folder, n, by=by, given=current(before.file.labels()))


def test_rows_are_asked_in_their_random_order_and_counted_down(tmp_path: Path) -> None:
    now, asked = sitting(tmp_path), []
    while (questions := now.questions) is not None:
        asked.append((questions.trace.id, 0))
        assert (now.state()["left"], now.state()["of"]) == (6 - len(asked), 5)
        now.answer(SAME)
    assert asked == [draw.row for draw in order(rows(), "dev", 0)[:5]]
    assert now.state() == {"left": 0, "of": 5, "item": None}


def test_a_label_says_how_its_row_was_drawn_and_nothing_of_its_texts(tmp_path: Path) -> None:
    now = sitting(tmp_path)
    now.answer(SAME)
    now.answer(Answer("cannot tell", None, "Ada Zwill is a name."))
    kept = now.file.labels()
    assert [each.drawn for each in kept] == [Drawn("random", 0, place, 5, 1) for place in (1, 2)]
    assert [(each.quality, each.leakage, each.by) for each in kept] == [
        ("tie", (False, False), "anna"),
        ("cannot tell", None, "anna"),
    ]
    assert "Ada" not in now.file.path.read_text()
    comment = json.loads(now.file.path.with_suffix(".comments.jsonl").read_text())
    assert (comment["id"], comment["comment"]) == (kept[1].id, "Ada Zwill is a name.")


def test_it_goes_on_where_it_stopped_and_further_along_the_same_order(tmp_path: Path) -> None:
    first = sitting(tmp_path)
    first.answer(SAME)
    first.answer(SAME)
    second = again(first, tmp_path)
    assert second.left == 3
    assert second.questions == first.questions
    for _ in range(3):
        second.answer(SAME)
    third = again(second, tmp_path, 8)
    assert (third.left, third.questions is not None) == (3, True)
    assert third.labels == second.labels


def test_another_person_gets_the_same_rows_from_the_first_on(tmp_path: Path) -> None:
    first = sitting(tmp_path)
    first.answer(SAME)
    other = again(first, tmp_path, by="bert")
    assert other.left == 5
    other.answer(SAME)
    assert [each.row for each in other.labels] == [each.row for each in first.labels]


def test_a_row_with_new_texts_is_asked_again(tmp_path: Path) -> None:
    first = sitting(tmp_path)
    first.answer(SAME)
    assert sitting(tmp_path, given=first.file.labels(), response="new").left == 5


class TestUndo:
    def test_the_last_answer_is_taken_back_and_its_row_asked_again(self, tmp_path: Path) -> None:
        now = sitting(tmp_path)
        first = now.questions
        now.answer(SAME)
        second = now.questions
        now.answer(SAME)
        assert now.undo()
        assert now.questions == second
        assert now.undo()
        assert now.questions == first
        assert not now.undo()
        now.answer(LEAKS)
        assert [(each.undone, each.leaked) for each in now.file.labels()] == [
            (False, 0.0),
            (False, 0.0),
            (True, 0.0),
            (True, 0.0),
            (False, 1.0),
        ]
        assert [each.leaked for each in now.labels] == [1.0]

    def test_it_holds_after_the_command_was_started_anew(self, tmp_path: Path) -> None:
        now = sitting(tmp_path)
        now.answer(SAME)
        second = now.questions
        now.answer(SAME)
        later = again(now, tmp_path)
        assert later.undo()
        assert later.questions == second
        assert again(later, tmp_path).questions == second

    def test_the_end_can_be_left_again(self, tmp_path: Path) -> None:
        now = sitting(tmp_path, 1)
        now.answer(SAME)
        assert again(now, tmp_path, 1).undo()


class TestGive:
    def test_an_answer_names_what_was_showing(self, tmp_path: Path) -> None:
        now = sitting(tmp_path)
        showing = now.state()["item"]["showing"]
        said = {"showing": showing, "choice": "A", "leakage": [False, True]}
        now.give(said)
        assert now.left == 4
        with pytest.raises(Outdated, match="This row was answered meanwhile, in another window; here is"):
            now.give(said)
        assert len(now.file.labels()) == 1

    def test_what_is_showing_stays_so_until_it_is_answered_or_taken_back(self, tmp_path: Path) -> None:
        now = sitting(tmp_path)
        seen = {now.state()["item"]["showing"] for _ in range(3)}
        now.answer(SAME)
        seen.add(now.state()["item"]["showing"])
        now.undo()
        seen.add(now.state()["item"]["showing"])
        assert len(seen) == 3

    def test_at_the_end_there_is_nothing_to_answer(self, tmp_path: Path) -> None:
        now = sitting(tmp_path, 1)
        now.answer(SAME)
        with pytest.raises(Outdated):
            now.answer(SAME)


def test_what_cannot_be_written_is_not_counted_and_its_row_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = sitting(tmp_path)
    now.answer(SAME)
    before = now.state()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", full)
        with pytest.raises(UsageError, match=r"Expected to write .*labels\.jsonl, but .*No space left on device\)"):
            now.answer(SAME)
        with pytest.raises(UsageError, match="No space left"):
            now.undo()
    assert now.state() == before
    now.answer(SAME)
    assert len(LabelFile.at(now.file.path).labels()) == 2


def test_what_others_say_meanwhile_is_heard_at_the_end(tmp_path: Path) -> None:
    anna, bert = sitting(tmp_path), sitting(tmp_path, by="bert")
    anna.answer(SAME)
    assert [each.by for each in bert.others] == ["anna"]
    anna.undo()
    assert bert.others == []


def test_a_file_that_was_moved_away_is_not_begun_anew(tmp_path: Path) -> None:
    now = sitting(tmp_path)
    now.answer(SAME)
    now.file.path.rename(tmp_path / "away.jsonl")
    with pytest.raises(UsageError, match="they are there no more since this began; put the file back and go on"):
        now.answer(replace(SAME, comment="odd"))
    with pytest.raises(UsageError, match="they are there no more"):
        _ = now.others
    assert now.left == 4
    assert not list(tmp_path.glob("*.comments.jsonl"))
    (tmp_path / "away.jsonl").rename(now.file.path)
    now.answer(SAME)
    assert len(now.file.labels()) == 2
