"""History: scores over time as a table and as a picture; a view that decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papillon.pictures import At, Axis, Level, Line, Picture, below, lines
from papillon.pictures.axes import around
from papillon.results import Measure
from papillon.results.gathering import Gathered
from papillon.results.history import Bound, Entry, History, Strand
from papillon.results.words import counted, first_of, number
from papillon.screen import visible
from papillon.tables import Column, table, wrapped

__all__ = ["history_lines", "history_picture"]


def history_lines(history: History, gathered: Gathered, width: int) -> list[str]:
    """A table for each strand, in a window of ``width`` columns (60 and more), then what was left out and why."""
    lines: list[str] = []
    for strand in history.strands:
        lines += [*wrapped(_head(strand), width), *table(_columns(history.metrics), _body(strand, history), width), ""]
    if not history.strands:
        lines += wrapped("No run saw its splits whole and came to all scores; --all shows the others.", width)
    return lines + _rest(history, gathered, width)


def _head(strand: Strand) -> str:
    judge = "the lexical judge" if strand.judge == "lexical" else strand.judge
    many = f"{len(strand.entries)} run{'s' * (len(strand.entries) > 1)}"
    text = f"{strand.split} of {strand.data}, {strand.way} split, profile {strand.profile}, judged by {judge}: {many}"
    return visible(text, one_line=True)


def _columns(metrics: Sequence[str]) -> list[Column]:
    scores = [Column(f"{metric} (95%)", metric, right=True) for metric in metrics]
    return [Column("run"), Column("n", right=True), *scores, Column("gates")]


def _body(strand: Strand, history: History) -> list[list[str]]:
    body = [_cells(entry, strand.whole, history.metrics) for entry in strand.entries]
    asked = {metric: _bound(strand.bounds, metric) for metric in history.metrics}
    for name, row in (("asked by the gates", asked), ("accepted (baseline)", _accepted(strand))):
        if any(row.get(metric) for metric in history.metrics):
            body.append([name, "", *(row.get(metric, "") for metric in history.metrics), ""])
    return body


def _cells(entry: Entry, whole: int, metrics: Sequence[str]) -> list[str]:
    seen = f"{entry.seen} of {whole}" if entry.seen < whole else str(entry.seen)
    verdicts = ", ".join(
        f"{entry.verdicts[verdict]} {verdict}"
        for verdict in ("pass", "fail", "inconclusive", "deferred")
        if entry.verdicts.get(verdict)
    )
    scores = [_figures(entry.scores[metric]) for metric in metrics]
    return [visible(entry.run, one_line=True), seen, *scores, verdicts or "none"]


def _figures(score: Measure) -> str:
    if score.low is None or score.high is None:
        return number(score.value)
    return f"{number(score.value)} {score.low:.3f}…{score.high:.3f}"


def _bound(bounds: Sequence[Bound], metric: str) -> str:
    own = [bound for bound in bounds if bound.metric == metric]
    return ", ".join(f"≥ {bound.min:g}" if bound.min is not None else f"≤ {bound.max:g}" for bound in own)


def _accepted(strand: Strand) -> Mapping[str, str]:
    return {metric: number(mean) for metric, mean in (strand.baselines or {}).items()}


def _rest(history: History, gathered: Gathered, width: int) -> list[str]:
    lines = []
    if history.left_out:
        said = first_of([f"{run} ({why})" for run, why in history.left_out.items()], 3)
        lines.append(f"Left out {counted(len(history.left_out), 'run')}: {', '.join(said)}; --all shows them too.")
    if gathered.copies:
        hold = "hold a run" if gathered.copies > 1 else "holds a run"
        lines.append(f"{counted(gathered.copies, 'file')} {hold} that another holds too.")
    if gathered.unread:
        names = ", ".join(first_of([str(path) for path in gathered.unread], 3))
        lines.append(f"{counted(len(gathered.unread), 'file')} cannot be read as results: {names}.")
    return [line for text in lines for line in wrapped(visible(text, one_line=True), width)]


def history_picture(history: History) -> Picture:
    """Each metric of each strand over its runs, with intervals, what the gates ask and what was accepted."""
    drawn = [
        _drawn(strand, metric)
        for strand in history.strands
        for metric in history.metrics
        if any(entry.scores[metric].value is not None for entry in strand.entries)
    ]
    return below("Scores over time", drawn)


def _times(entries: Sequence[Entry]) -> list[tuple[float, str]]:
    """Each run's day, or its time where the run before it is of the same day."""
    before = ["", *(entry.started[:10] for entry in entries)]
    return [
        (place, entry.started[11:16] if entry.started[:10] == day else entry.started[5:10])
        for place, (entry, day) in enumerate(zip(entries, before, strict=False))
    ]


def _drawn(strand: Strand, metric: str) -> Picture:
    points = [
        At(place, score.value, score.low, score.high, f"{entry.run}: {metric} {_figures(score)}, n {score.n}")
        for place, entry in enumerate(strand.entries)
        if (score := entry.scores[metric]).value is not None
    ]
    levels = []
    for bound in strand.bounds:
        if bound.metric == metric and bound.min is not None:
            levels.append(Level(f"at least {bound.min:g} is asked", bound.min))
        if bound.metric == metric and bound.max is not None:
            levels.append(Level(f"at most {bound.max:g} is asked", bound.max))
    if strand.baselines and metric in strand.baselines:
        levels.append(Level(f"baseline {number(strand.baselines[metric])}", strand.baselines[metric], "baseline"))
    held = [value for point in points for value in (point.value, point.low, point.high) if value is not None]
    up = around([*held, *(level.value for level in levels)], within=(-1, 1) if metric == "gain" else (0, 1))
    across = Axis(-0.3, len(strand.entries) - 0.7, ticks=_times(strand.entries))
    title = f"{metric} on {strand.split}: {strand.profile}, {strand.data} ({strand.way})"
    return lines(title, [Line(metric, points)], across, up, levels=levels)
