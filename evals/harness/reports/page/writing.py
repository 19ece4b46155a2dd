"""Writing: a run as one HTML file, whole or not at all, for its owner's eyes alone where it holds texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.harness.reports.page.examples import figures, trace_blocks
from evals.harness.reports.page.frame import block, rendered
from evals.harness.reports.page.overview import overview
from papillon.errors import UsageError
from papillon.files import whole_file
from papillon.results import RunResult
from papillon.results.comparison import Slice
from papillon.results.traces import Trace

__all__ = ["write_page"]


def write_page(
    path: Path,
    result: RunResult,
    traces: Iterable[Trace] | None,
    slices: Mapping[str, Sequence[Slice]],
) -> None:
    """Write one run with the texts of its rows, None where there are none; ``slices`` by split.

    UsageError, naming the file, where it cannot be written, and what reading the traces raises.
    """
    blocks = _blocks(result, traces)
    _write(path, rendered("run.html", {**overview(result, slices), "texts": traces is not None, "blocks": blocks}))


def _blocks(result: RunResult, traces: Iterable[Trace] | None) -> Iterator[Any]:
    yield block("rows", figures(result))
    yield from trace_blocks(result.rows, traces or ())


def _write(path: Path, pieces: Iterable[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Half of a surrogate pair is no UTF-8; escaped so, JSON reads it as it was.
        with whole_file(path, private=True) as new, new.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(f"Expected to write {path}, but it cannot be written: {error.strerror}.") from error
