"""Texts: where the rows that people labelled have theirs: in the folder of a run with the same hashes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from judges.labels.hashing import Hashes, hashes
from judges.labels.label import Label
from papillon.errors import UsageError
from papillon.results.traces import Trace, Traces

__all__ = ["texts_of"]


def texts_of(
    labels: Iterable[Label], key: bytes, folders: Iterable[Path]
) -> dict[tuple[tuple[str, int], Hashes], Trace]:
    """The texts of the labelled rows by row and hashes, from the first of the runs' ``folders`` that has them.

    A folder or a line of one that cannot be read has none.
    """
    wanted = {(label.row, label.hashes) for label in labels}
    found: dict[tuple[tuple[str, int], Hashes], Trace] = {}
    for folder in folders:
        rows = {row for row, _ in wanted - found.keys()}
        if not rows:
            break
        with contextlib.suppress(UsageError):
            for trace in Traces(folder).of(rows, []):
                about = (trace.id, trace.trial), hashes(key, trace)
                if about in wanted:
                    found.setdefault(about, trace)
    return found
