"""Labels: people's labels in one run: the file that an option names, the rows it is about, and what of it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from judges.labels.cases import LabelledCases, labelled_cases
from judges.labels.file import LabelFile
from judges.labels.hashing import Hashes, hashes
from judges.labels.label import Label
from judges.labels.matching import Sample, current, match, sample
from judges.labels.texts import texts_of
from papillon.errors import PapillonError
from papillon.results.folder import run_folders
from papillon.results.rows import Row
from papillon.results.traces import Trace

__all__ = ["RunLabels"]


class RunLabels:
    """The labels of a file for a run over the data of that sha256, and the hashes of the rows that they are about.

    Raises the file's own error, with the option's name, where it cannot be read.
    """

    def __init__(self, path: Path, data: str) -> None:
        try:
            file = LabelFile.at(path)
            self.labels: list[Label] = file.labels()
        except PapillonError as error:
            raise type(error)(f"--eval-labels: {error}") from None
        self.key, self._data = file.key, data
        self._about = {label.row for label in self.labels}
        self._hashes: dict[tuple[str, int], Hashes] = {}

    def hear(self, row: tuple[str, int], trace: Callable[[], Trace]) -> None:
        """Take note of what was heard for a row of the run, where labels are about it."""
        if row in self._about:
            self._hashes[row] = hashes(self.key, trace())

    def sample(self, rows: Sequence[Row], split: str) -> Sample:
        """Of a split's rows those labelled that stand for all of them, with people's answers."""
        return sample(rows, split, match(self.labels, self._hashes, self._data))

    def cases(self, runs: Path) -> LabelledCases:
        """The labelled rows as cases for the judge's own test, with their texts from the newest of the ``runs``."""
        labels = current(self.labels)
        return labelled_cases(labels, texts_of(labels, self.key, reversed(run_folders(runs))))

    def said(self) -> str:
        """How many of the labels count for the run, and why the others do not."""
        return f"People's labels: {match(self.labels, self._hashes, self._data).said()}"
