"""Which labels count for a run, and which of its rows stand for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from judges.labels.drawing import order
from judges.labels.hashing import hashes
from judges.labels.label import Drawn, Label
from judges.labels.matching import Matched, current, match, sample
from papillon.results.traces import Trace
from tests.judges.labels.samples import DATA, KEY, label, row, trace

ROWS = [row(number) for number in range(12)]
TEXTS = [trace(number) for number in range(12)]
DRAWS = order(ROWS, "dev", 0)
BY_ROW = {(text.id, text.trial): text for text in TEXTS}


def matched(labels: Iterable[Label], texts: Iterable[Trace] = TEXTS) -> Matched:
    return match(labels, {(text.id, text.trial): hashes(KEY, text) for text in texts}, DATA)


def drawn(*places: int, until: int = 12, by: str = "anna", seed: int = 0) -> list[Label]:
    """Labels of the rows at those places of the order."""
    draws = order(ROWS, "dev", seed)
    return [label(BY_ROW[draws[n - 1].row], by, drawn=Drawn("random", seed, n, until)) for n in places]


class TestCurrent:
    def test_what_was_taken_back_does_not_hold_and_what_came_after_it_does(self) -> None:
        first, second = label(trace(1)), label(trace(1), quality="worse")
        assert current([first, replace(first, undone=True)]) == []
        assert current([first, replace(first, undone=True), second]) == [second]

    def test_other_people_and_other_texts_are_other_labels(self) -> None:
        given = [label(trace(1)), label(trace(1), "bert"), label(trace(1, response="another"))]
        assert current(given) == given


class TestMatch:
    def test_a_label_counts_for_a_row_with_the_same_texts(self) -> None:
        one = label(trace(1))
        assert matched([one]).labels == (one,)
        assert matched([one]).said() == "1 of 1 labels count for this run."

    def test_each_that_does_not_count_is_counted_by_its_reason(self) -> None:
        labels = [
            label(trace(1)),
            label(trace(2, response="before")),
            label(trace(3, units=("Bern",)), leakage=(True,)),
            label(trace(50)),
            replace(label(trace(4)), data="e" * 16),
        ]
        found = matched(labels)
        assert (len(found.labels), len(found.texts), len(found.vanished), found.foreign) == (1, 2, 1, 1)
        assert found.said() == (
            "1 of 5 labels count for this run: 2 given for other texts than the row has now, "
            "1 of rows that this run does not have, 1 of other data do not."
        )

    def test_people_who_differ_count_as_their_mean(self) -> None:
        labels = [
            label(trace(1), "anna", quality="better", leakage=(True, True)),
            label(trace(1), "bert", quality="worse", leakage=(True, False)),
            label(trace(2), "anna", quality="cannot tell", leakage=None),
            label(trace(2), "bert", quality="worse", leakage=None),
        ]
        assert matched(labels).answers == {
            ("dev-0001", 0): {"quality": 0.5, "leakage": 0.75},
            ("dev-0002", 0): {"quality": 0.0, "leakage": None},
        }


class TestSample:
    def test_it_is_what_was_labelled_from_the_first_draw_on(self) -> None:
        found = sample(ROWS, "dev", matched(drawn(1, 2, 3)))
        assert list(found.answers) == [draw.row for draw in DRAWS[:3]]
        assert (found.of, found.seed, found.left_out) == (12, 0, 0)

    def test_rows_picked_by_hand_are_left_out_also_beside_those_that_were_drawn(self) -> None:
        by_hand = [
            label(BY_ROW[DRAWS[0].row], "bert", drawn=Drawn("hand"), quality="worse"),
            label(BY_ROW[DRAWS[7].row], "bert", drawn=Drawn("hand")),
        ]
        found = sample(ROWS, "dev", matched([*drawn(1, 2), *by_hand]))
        assert found.answers[DRAWS[0].row]["quality"] == 1.0
        assert (len(found.answers), found.left_out) == (2, 1)

    def test_several_people_fill_it_together(self) -> None:
        found = sample(ROWS, "dev", matched([*drawn(1, 3), *drawn(2, by="bert")]))
        assert len(found.answers) == 3

    def test_it_ends_at_the_first_row_without_a_label(self) -> None:
        found = sample(ROWS, "dev", matched(drawn(1, 2, 4, 5)))
        assert (len(found.answers), found.left_out) == (2, 2)

    def test_a_row_that_changed_is_in_it_once_it_is_labelled_anew(self) -> None:
        texts = [
            replace(text, response="new") if text.id in {DRAWS[4].row[0], DRAWS[8].row[0]} else text for text in TEXTS
        ]
        again = label(
            {(t.id, t.trial): t for t in texts}[DRAWS[4].row], drawn=Drawn("random", 0, 5, 6), quality="worse"
        )
        found = sample(ROWS, "dev", matched([*drawn(*range(1, 11), until=10), again], texts))
        assert list(found.answers) == [draw.row for draw in DRAWS[:8]]
        assert (found.answers[DRAWS[4].row]["quality"], found.left_out) == (0.0, 1)

    def test_the_seed_with_the_most_draws_is_taken(self) -> None:
        found = sample(ROWS, "dev", matched([*drawn(1, 2), *drawn(1, 2, 3, seed=7, by="bert")]))
        assert (found.seed, len(found.answers)) == (7, 3)

    def test_another_split_has_its_own(self) -> None:
        found = sample([*ROWS, row(1, split="test")], "test", matched(drawn(1, 2)))
        assert (len(found.answers), found.of, found.left_out) == (0, 1, 0)
