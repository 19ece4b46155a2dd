"""Sitting: one person's way through the drawn rows of a run, each answer kept before the next row is shown.

It knows neither page nor terminal; both show what it has and give back what was said.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evals.labelling.questions import Answer, Questions
from judges.labels.drawing import Draw
from judges.labels.file import LabelFile
from judges.labels.hashing import hashes
from judges.labels.label import Drawn, Label
from judges.labels.matching import current
from papillon.results.traces import Trace

__all__ = ["Outdated", "Sitting"]

RowKey = tuple[str, int]


class Outdated(ValueError):
    """An answer to another row than the one that is asked now."""

    def __init__(self) -> None:
        super().__init__("This row was answered meanwhile, in another window; here is the next one.")


class Sitting:
    """The rows of ``draws`` with their ``texts``, asked one by one of the person ``by``; ``given`` are the labels of
    theirs that hold, of whatever rows, in the order in which they were given.

    ``data`` is the sha256 of the run's data. Answers go to ``file``.
    """

    def __init__(
        self,
        draws: Sequence[Draw],
        texts: Mapping[RowKey, Trace],
        file: LabelFile,
        *,
        data: str,
        seed: int,
        by: str | None = None,
        given: Sequence[Label] = (),
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.draws, self.texts, self.file = tuple(draws), texts, file
        self.data, self.seed, self.by, self.now = data, seed, by, now
        self._hashes = {draw.row: hashes(file.key, texts[draw.row]) for draw in draws}
        drawn = self._hashes.keys()
        #: What the person said of rows beyond those that are drawn now.
        self.beyond = [label for label in given if label.by == by and label.row not in drawn]
        self._labels = {
            label.row: label for label in given if label.by == by and self._hashes.get(label.row) == label.hashes
        }
        done = len(draws) if self._place is None else self._place
        before = {draw.row for draw in draws[:done]}
        #: What can be taken back, the last one last: what is asked next is then the row itself.
        self._answered = [row for row in self._labels if row in before]
        self._showing = secrets.token_hex(8)

    @property
    def labels(self) -> list[Label]:
        """What the person said of the drawn rows, in their order."""
        return [self._labels[draw.row] for draw in self.draws if draw.row in self._labels]

    @property
    def others(self) -> list[Label]:
        """What other people said of the drawn rows by now."""
        return [
            label
            for label in current(self.file.labels())
            if label.by != self.by and self.data.startswith(label.data) and self._hashes.get(label.row) == label.hashes
        ]

    @property
    def left(self) -> int:
        """How many rows are not labelled yet."""
        return len(self.draws) - len(self._labels)

    @property
    def _place(self) -> int | None:
        """Where in the draws the row stands that is asked now; None at the end."""
        return next((n for n, draw in enumerate(self.draws) if draw.row not in self._labels), None)

    @property
    def questions(self) -> Questions | None:
        """Those of the row that is asked now; None at the end."""
        place = self._place
        return None if place is None else Questions.of(self.texts[self.draws[place].row], self.seed, self.by)

    def state(self) -> dict[str, Any]:
        """What there is to show: the questions, how far the person is, and nothing of what was said so far."""
        asked = self.questions
        return {
            "left": self.left,
            "of": len(self.draws),
            "item": None if asked is None else {"showing": self._showing, **asked.shown()},
        }

    def give(self, data: Mapping[str, Any]) -> None:
        """Keep an answer as the page sends it; Outdated where it is to another row, Unanswerable where it is none."""
        if data.get("showing") != self._showing:
            raise Outdated
        self.answer(Answer.of(data))

    def answer(self, answer: Answer) -> None:
        """Keep what was said of the row that is asked now, on disk, and go on to the next.

        Unanswerable where it does not fit the row, UsageError where it cannot be written; then the row stays.
        """
        asked, place = self.questions, self._place
        if asked is None or place is None:
            raise Outdated
        quality, leakage = asked.label(answer)
        draw = self.draws[place]
        label = Label(
            id=draw.row[0],
            trial=draw.row[1],
            data=self.data[:16],
            hashes=self._hashes[draw.row],
            by=self.by,
            at=f"{self.now():%Y-%m-%dT%H:%M:%SZ}",
            drawn=Drawn("random", self.seed, place + 1, len(self.draws), draw.weight),
            answer_stood="A" if asked.answer_first else "B",
            quality=quality,
            leakage=leakage,
        )
        if answer.comment.strip():
            self.file.comment(label, answer.comment)
        self.file.append(label)
        self._labels[draw.row] = label
        self._answered.append(draw.row)
        self._showing = secrets.token_hex(8)

    def undo(self) -> bool:
        """Take the last answer back, so that its row is asked again; False where there is none."""
        if not self._answered:
            return False
        row = self._answered[-1]
        self.file.append(replace(self._labels[row], at=f"{self.now():%Y-%m-%dT%H:%M:%SZ}", undone=True))
        self._answered.pop()
        del self._labels[row]
        self._showing = secrets.token_hex(8)
        return True
