"""Runs with texts in a folder, and sittings over them, for tests: small and invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evals.labelling.sitting import Sitting
from judges.labels.drawing import order
from judges.labels.file import LabelFile
from judges.labels.label import Label
from papillon.results.folder import RunFolder
from papillon.results.rows import Row
from papillon.results.traces import Trace
from tests.judges.labels.samples import DATA, row, trace
from tests.papillon.results.samples import INFO, result

__all__ = ["HOSTILE", "RUN", "left", "rows", "sitting"]

RUN = "20261126T061054Z-small-4f1c"
HOSTILE = (
    "<img src=x onerror=\"document.title='acted'\"></script><script>document.title='acted'</script>"
    "\u202e{{ 7*7 }} &amp; <a href='https://example.org/'>link</a>"
)


def rows(number: int = 12) -> list[Row]:
    return [row(n) for n in range(number)]


def sitting(folder: Path, n: int = 5, *, by: str | None = "anna", given: Sequence[Label] = (), **texts: Any) -> Sitting:
    """The first rows of twelve, kept in a file in that folder."""
    draws = order(rows(), "dev", 0)[:n]
    found = {(f"dev-{number:04d}", 0): trace(number, **texts) for number in range(12)}
    file = LabelFile.begun(folder / "labels.jsonl")
    return Sitting(draws, found, file, data=DATA, seed=0, by=by, given=given)


def left(runs: Path, own: Sequence[Row] = (), *, name: str = RUN, texts: Sequence[Trace] | None = None) -> Path:
    """A run's folder with those rows, twelve by default, and their texts."""
    own = own or rows()
    folder = RunFolder(runs, name)
    found = texts if texts is not None else [_texts(each) for each in own]
    for text in found:
        folder.add(text)
    info = replace(INFO, id=name, dataset=replace(INFO.dataset, sha256=DATA))
    folder.finish([(each.id, each.trial) for each in found], result(*own, run=info).to_text())
    return folder.path


def _texts(own: Row) -> Trace:
    return replace(trace(int(own.id[-4:]), split=own.split), trial=own.trial)
