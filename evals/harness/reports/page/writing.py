"""Writing: a run as one HTML file, whole or not at all, for its owner's eyes alone where it holds texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from evals.harness.reports.page.changes import Side, changes
from evals.harness.reports.page.examples import figures, trace_blocks
from evals.harness.reports.page.frame import block, rendered
from evals.harness.reports.page.overview import overview
from evals.harness.reports.page.pairs import pair_blocks, pair_figures
from evals.harness.reports.trade_off import Scores
from papillon.errors import UsageError
from papillon.files import whole_file
from papillon.results import RunResult
from papillon.results.comparison import Comparison, Slice
from papillon.results.traces import Trace

__all__ = ["write_comparison", "write_page"]


def write_page(
    path: Path,
    result: RunResult,
    traces: Iterable[Trace] | None,
    scores: Scores,
    slices: Mapping[str, Sequence[Slice]],
    unread: Sequence[str] = (),
) -> None:
    """Write one run with the texts of its rows, None where there are none; ``scores`` by split and metric, ``slices``
    by split. ``unread`` says which texts could not be read, once ``traces`` are.

    UsageError, naming the file, where it cannot be written, and what reading the traces raises.
    """
    blocks = chain([block("rows", figures(result))], trace_blocks(result.rows, traces or ()))
    shown = overview(result, scores, slices)
    _write(path, rendered("run.html", {**shown, "texts": traces is not None, "blocks": blocks, "unread": unread}))


def write_comparison(
    path: Path,
    comparison: Comparison,
    before: Side,
    after: Side,
    unread: Sequence[str] = (),
) -> None:
    """Write two runs beside each other, each with the texts of its rows, None where there are none, and its scores.

    ``unread`` and what it raises are as of :func:`write_page`.
    """
    figures_ = block("rows", pair_figures(comparison, before[0], after[0]))
    blocks = chain([figures_], pair_blocks(before[:2], after[:2]))
    texts = before[1] is not None or after[1] is not None
    shown = {**changes(comparison, before, after), "texts": texts, "blocks": blocks, "unread": unread}
    _write(path, rendered("comparison.html", shown))


def _write(path: Path, pieces: Iterable[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Half of a surrogate pair is no UTF-8; escaped so, JSON reads it as it was.
        with whole_file(path, private=True) as new, new.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(f"Expected to write {path}, but it cannot be written: {error.strerror}.") from error
