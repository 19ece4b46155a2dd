"""Opening: the sitting that a run and a label file make, or one sentence on why there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evals.labelling.sitting import Sitting
from judges.labels.drawing import Draw, order
from judges.labels.file import LabelFile, default_file
from judges.labels.hashing import Hashes, hashes
from judges.labels.matching import Matched, match
from papillon.errors import UsageError
from papillon.files import torn
from papillon.output_files import OutputFile, refuse_outputs
from papillon.persons import person
from papillon.results.finding import FoundRun
from papillon.results.rows import Row
from papillon.results.traces import Trace
from papillon.results.words import counted

__all__ = ["DRAWS", "Opened", "Wanted", "opened"]

#: How many rows are labelled where no number is given.
DRAWS = 30


@dataclass(frozen=True)
class Wanted:
    """What a person asked for: how many rows, of which split (None: the run's first), by which seed, under which name
    and into which file (None: the data's own)."""

    n: int = DRAWS
    split: str | None = None
    seed: int = 0
    by: str | None = None
    out: Path | None = None

    def checked(self) -> Wanted:
        """The same with the name as it counts; UsageError for what cannot be."""
        if self.n < 1:
            raise UsageError(f"--n: expected a number of at least 1, got {self.n}; ask for some rows.")
        by = None if self.by is None else person(self.by)
        if self.out is not None:
            refuse_outputs([OutputFile("--out", self.out, ".jsonl")])
        return replace(self, by=by)


@dataclass(frozen=True)
class Opened:
    """A sitting, the ``rows`` of the split for which the labelled ones stand, and what to know before it begins."""

    sitting: Sitting
    rows: list[Row]
    remarks: list[str]


@contextlib.contextmanager
def opened(found: FoundRun, wanted: Wanted) -> Iterator[Opened]:
    """The sitting over a run, its person's name held meanwhile; UsageError or DataError where it cannot be."""
    wanted = wanted.checked()
    split, draws = _draws(found, wanted)
    data = found.result.run.dataset
    file = LabelFile.begun(wanted.out or default_file(data.name))
    with file.held(wanted.by):
        labels, lost = file.labels(), torn(file.path)
        texts, own = _read(found, file.key, {draw.row for draw in draws}, {label.row for label in labels})
        matched = match(labels, own, data.sha256)
        if matched.foreign and not (matched.labels or matched.texts or matched.vanished):
            raise UsageError(
                f"Expected labels of rows of {data.name} in {file.path}, but all it has are of other data; "
                "name another file with --out."
            )
        _refuse_another_order(matched, {row.id for row in found.result.rows if row.split == split}, wanted.seed, file)
        mine = [label for label in matched.labels if label.by == wanted.by]
        sitting = Sitting(draws, texts, file, data=data.sha256, seed=wanted.seed, by=wanted.by, given=mine)
        rows = [row for row in found.result.rows if row.split == split]
        yield Opened(sitting, rows, _remarks(split, draws, wanted, sitting, matched, lost))


def _refuse_another_order(matched: Matched, ids: Container[str], seed: int, file: LabelFile) -> None:
    seeds = {each.drawn.seed for each in matched.labels if each.id in ids and each.drawn.how == "random"}
    if seeds and seed not in seeds:
        raise UsageError(
            f"--seed: expected {' or '.join(map(str, sorted(seeds)))}, by which rows were drawn for the labels in "
            f"{file.path}, got {seed}: an estimate takes the labels of one order alone; name that seed, or another "
            "file with --out."
        )


def _draws(found: FoundRun, wanted: Wanted) -> tuple[str, list[Draw]]:
    splits = list(dict.fromkeys(row.split for row in found.result.rows))
    if wanted.split is not None and wanted.split not in splits:
        there = " or ".join(splits) or "none"
        raise UsageError(f"--split: expected one that the run {found.name} has ({there}), got {wanted.split!r}.")
    split = wanted.split or next(iter(splits), "")
    draws = order(found.result.rows, split, wanted.seed)
    if not draws:
        raise UsageError(
            f"Expected rows with scores in {split or 'a split'} of the run {found.name}, but it has none; name another."
        )
    return split, draws[: wanted.n]


def _read(
    found: FoundRun, key: bytes, drawn: set[tuple[str, int]], labelled: set[tuple[str, int]]
) -> tuple[dict[tuple[str, int], Trace], dict[tuple[str, int], Hashes]]:
    """The texts of the drawn rows, and the hashes of the labelled ones."""
    if found.traces is None:
        raise UsageError(
            f"Expected the texts of the run {found.name} beside its results {found.path}, but there are none: a run "
            "leaves them in its own folder alone; name that."
        )
    texts, own = {}, {}
    for trace in found.traces:
        row = trace.id, trace.trial
        if row in labelled:
            own[row] = hashes(key, trace)
        if row in drawn:
            texts[row] = trace
    if missing := sorted(drawn - texts.keys()):
        raise UsageError(
            f"Expected the texts of the row {missing[0][0]} in {found.traces.path}, but {len(missing)} of {len(drawn)} "
            "drawn rows are not there; make the run again: what is recorded is replayed."
        )
    return texts, own


def _remarks(split: str, draws: list[Draw], wanted: Wanted, sitting: Sitting, matched: Matched, lost: str) -> list[str]:
    said = [
        f"{counted(len(draws), 'row')} of {split}, drawn at random by seed {wanted.seed}, "
        f"{sitting.left} left to label; labels go to {sitting.file.path}."
    ]
    if len(draws) < wanted.n:
        scored = sum(draw.weight for draw in draws)
        repeated = ", and of each conversation or repeated query one is drawn" if scored > len(draws) else ""
        said.append(f"There are no {wanted.n}: {split} has {counted(scored, 'row')} with scores{repeated}.")
    if matched.texts or matched.vanished or matched.foreign:
        said.append(matched.said())
    return [*said, lost] if lost else said
