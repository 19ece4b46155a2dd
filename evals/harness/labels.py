"""Labels: people's labels in one run: the file that an option names, the rows it is about, and what of it counts.

Where that is too little, other runs of the same data and judge say how the judge errs, by the labels that count there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evals.harness.labelled_splits import SplitLabels, split_labels
from evals.harness.verdicts.corrected import JudgedRow
from evals.harness.verdicts.judge_errors import assumed
from evals.harness.verdicts.labelled import Answers, Corrected, judged_rows
from judges.labels.bounding import bounded, standing
from judges.labels.cases import LabelledCases, labelled_cases
from judges.labels.file import LabelFile
from judges.labels.hashing import Hashes, hashes
from judges.labels.label import Label
from judges.labels.matching import current, match
from judges.labels.texts import texts_of
from papillon.errors import PapillonError, UsageError
from papillon.files import torn
from papillon.results import RunResult
from papillon.results.comparison import incomparable
from papillon.results.correction import LABELS_SAID, Correction
from papillon.results.finding import finished
from papillon.results.folder import RESULTS, run_folders
from papillon.results.result import read_info, read_result
from papillon.results.rows import Row
from papillon.results.traces import Trace, Traces
from papillon.results.words import counted

__all__ = ["RunLabels"]


class RunLabels:
    """The labels of a file for a run over the data of that sha256, and the hashes of the rows that they are about.

    Raises the file's own error, with the option's name, where it cannot be read.
    """

    def __init__(self, path: Path, data: str) -> None:
        try:
            file = LabelFile.at(path)
            self.labels: list[Label] = file.labels()
            self._torn = torn(path)
        except PapillonError as error:
            raise type(error)(f"--eval-labels: {error}") from None
        self.key, self._data = file.key, data
        self._about = {label.row for label in self.labels}
        self._hashes: dict[tuple[str, int], Hashes] = {}
        #: For the units of texts that were seen, whether each stands in the requests.
        self._standing: dict[Hashes, tuple[bool, ...]] = {}

    def hear(self, row: tuple[str, int], trace: Callable[[], Trace]) -> None:
        """Take note of what was heard for a row of the run, where labels are about it."""
        if row in self._about:
            self._hashes[row] = self._seen(trace())

    def _seen(self, trace: Trace) -> Hashes:
        own = hashes(self.key, trace)
        self._standing[own] = standing(trace)
        return own

    def _bounded(self, labels: Iterable[Label]) -> list[Label]:
        """The labels with every unit given away that stands in the requests, as far as these were seen."""
        return [
            bounded(label, self._standing[label.hashes]) if label.hashes in self._standing else label
            for label in labels
        ]

    def raised(self) -> str:
        """In how many rows the labels lack a unit that stands in the requests, as a sentence; ``""`` for none."""
        said = self._raised(current(self.labels))
        return f"{LABELS_SAID} {said}" if said else ""

    def _raised(self, labels: Sequence[Label]) -> str:
        number = len({label.row for label, own in zip(labels, self._bounded(labels), strict=True) if label != own})
        if not number:
            return ""
        return (
            f"In {counted(number, 'labelled row')} a unit that stands word for word in the request was left unticked; "
            "it counts as given away."
        )

    def sample(self, rows: Sequence[Row], split: str) -> SplitLabels:
        """Of a split's rows those labelled that stand for all of them, with people's answers."""
        return split_labels(rows, split, match(self._bounded(self.labels), self._hashes, self._data))

    def cases(self, runs: Path) -> LabelledCases:
        """The labelled rows as cases for the judge's own test, with their texts from the newest of the ``runs``."""
        labels = current(self.labels)
        texts = texts_of(labels, self.key, reversed(run_folders(runs)))
        for trace in texts.values():
            self._seen(trace)
        return labelled_cases(self._bounded(labels), texts)

    def said(self) -> str:
        """How many of the labels are about the run's texts, and why the others are not."""
        counting = match(self.labels, self._hashes, self._data)
        said = [f"{LABELS_SAID} {counting.said()}", self._torn, self._raised(counting.labels)]
        return " ".join(filter(None, said))

    def carried_over(self, result: RunResult, runs: Path) -> RunResult:
        """The result with figures that labels of other runs in ``runs`` allow, where its own labels are too few."""
        if all(not each.early or each.metric == "overall" for each in result.corrected):
            return result
        others = list(self._elsewhere(result, runs))

        def with_assumed(each: Correction) -> Correction:
            if not each.early or each.metric == "overall":
                return each
            metric: Corrected = each.metric
            there = [row for rows, answers in others for row in _labelled(rows, metric, answers)]
            return replace(each, assumed=assumed(judged_rows(result.of(each.split), metric, {}), there))

        return replace(result, corrected=tuple(map(with_assumed, result.corrected)))

    def _elsewhere(self, result: RunResult, runs: Path) -> Iterator[tuple[Sequence[Row], Answers]]:
        """The rows of other runs of the same data and judge, the newest first, and the answers that count there.

        Those are labels that a figure of that run might rest on, and all of them: the rows that two runs do not share
        are those whose answers changed, and no random ones. A run whose labelled texts newer ones have too, this one
        first, is passed over, as is a folder that cannot be read.
        """
        taken = set(self._hashes.values())
        for folder in reversed(finished(runs)):
            with contextlib.suppress(UsageError):
                if folder.name == result.run.id or incomparable(read_info(folder / RESULTS), result.run):
                    continue
                heard = {
                    (trace.id, trace.trial): self._seen(trace)
                    for trace in Traces(folder)
                    if (trace.id, trace.trial) in self._about
                }
                counting = match(self._bounded(self.labels), heard, self._data)
                rows = read_result(folder / RESULTS).rows
                there = [split_labels(rows, split, counting) for split in dict.fromkeys(row.split for row in rows)]
                answers = {row: answer for each in there if not each.yet for row, answer in each.answers.items()}
                if new := {heard[row] for row in answers} - taken:
                    taken |= new
                    yield rows, answers


def _labelled(rows: Sequence[Row], metric: Corrected, answers: Answers) -> list[JudgedRow]:
    return [row for row in judged_rows(rows, metric, answers) if row.labelled]
