"""Compare: two runs beside each other as lines of text, three and more as a table; views that decide nothing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from papillon.results import Measure, RunResult
from papillon.results.comparison import FLIPPING, Change, Comparison, Flipped, SplitComparison
from papillon.results.words import (
    LEGEND,
    NOTHING_DIFFERS,
    corrected_changes,
    counted,
    direction,
    flip_figures,
    interval,
    looked_at,
    number,
    shared,
    sliced,
    what_moved,
)
from papillon.screen import visible
from papillon.tables import Column, table, wrapped

__all__ = ["TABLED", "comparison_lines", "runs_table", "since_line"]

#: How many flipped examples are listed.
SHOWN_FLIPS = 10
#: The metrics in the table of three runs and more.
TABLED = ("quality", "leakage", "overall", "carried")

_CHANGES = (
    Column("metric"),
    Column("before → after"),
    Column("difference", "change", right=True),
    Column("95% interval"),
    Column("sees", right=True),
    Column("n", right=True, may_go=True),
    Column("beyond chance", "moved"),
)
_SLICES = (
    Column("slice"),
    Column("n", right=True),
    Column("metric"),
    Column("before → after"),
    Column("difference", "change", right=True),
    Column("95% interval"),
)
_SEES = "sees: the smallest difference that could have been seen"


def comparison_lines(
    comparison: Comparison, width: int, *, show: str, passed: Mapping[str, str] | None = None
) -> list[str]:
    """Everything that changed between two comparable runs, in ``width`` columns (60 and more).

    ``show`` is the command that opens a row of the later run, up to the row's id; ``passed`` says why newer
    runs were not offered, by their ids.
    """
    lines = [*_indented(f"before: {comparison.before}", width), *_indented(f"after:  {comparison.after}", width)]
    for run, why in list((passed or {}).items())[:3]:
        lines += _indented(f"passed over: {run}, as {why}", width)
    lines += _differing(comparison, width)
    if comparison.unchanged:
        lines += _indented("Both have the same rows, times apart.", width)
    for split in comparison.splits:
        lines += ["", *_indented(f"{split.split}: {shared(split)}", width)]
        lines += _changes(split, width)
        lines += [line for said in corrected_changes(split) for line in _indented(said, width)]
        if split.shared and not comparison.unchanged:
            lines += _flips(split, width, show) + _slices(split, width)
    return [*lines, "", *wrapped(f"{LEGEND}; {_SEES}.", width)]


def since_line(comparison: Comparison, *, replaced: bool = False) -> str:
    """What moved since the last comparable run, in one sentence; ``replaced`` says that its folder gave way."""
    if comparison.unchanged:
        return _escaped(f"The same rows as {comparison.before}{', which this run replaces' if replaced else ''}.")
    splits = [what_moved(split) for split in comparison.splits if split.shared]
    return _escaped(f"Since {comparison.before}: {'; '.join(splits)}; papillon compare shows all.")


def runs_table(
    runs: Sequence[RunResult],
    scores: Sequence[Mapping[str, Mapping[str, Measure]]],
    comparisons: Sequence[Comparison],
    width: int,
) -> list[str]:
    """Three runs and more as a table: a line for each split with its ``scores``, by split and metric, and below it what
    moved from the first run to each other."""
    heads = ("run", "when (UTC)", "profile", "local", "untrusted", "split", "n")
    body = []
    for run, splits in zip(runs, scores, strict=True):
        info = run.run
        for split, of in splits.items():
            n = max((measure.n for measure in of.values()), default=0)
            said = (info.id, when(info.started), info.profile, info.models.local, info.models.untrusted, split, str(n))
            body.append([_escaped(word) for word in said] + [_figure(of.get(metric)) for metric in TABLED])
    # What all have in common is said once, so that more fits.
    alike = [place for place in (2, 3, 4) if len({row[place] for row in body}) == 1]
    columns = [Column(head, may_go=head in ("when (UTC)", "n")) for head in (*heads, *TABLED)]
    kept = [place for place in range(len(columns)) if place not in alike]
    lines = wrapped("; ".join(f"{heads[place]} {body[0][place]}" for place in alike), width)
    lines += table([columns[place] for place in kept], [[row[place] for place in kept] for row in body], width)
    for comparison in comparisons:
        parts = [what_moved(split) for split in comparison.splits if split.shared]
        lines += _indented(f"{comparison.before} → {comparison.after}: {'; '.join(parts)}.", width)
    return lines


def when(started: str) -> str:
    """A moment to the minute."""
    return started[:16].replace("T", " ")


def _figure(measure: Measure | None) -> str:
    return "–" if measure is None else f"{number(measure.value)} ({interval(measure)})"


def _differing(comparison: Comparison, width: int) -> list[str]:
    if not comparison.differing:
        return _indented(NOTHING_DIFFERS, width)
    return [
        line
        for each in comparison.differing
        for line in _indented(f"{each.what}: {each.before or 'none'} → {each.after or 'none'}", width)
    ]


def _changes(split: SplitComparison, width: int) -> list[str]:
    if not split.changes:
        return []
    body = [
        (change.metric, *_moved(change), _smallest(change), str(change.n), direction(change))
        for change in split.changes
    ]
    return table(_CHANGES, body, width)


def _moved(change: Change) -> tuple[str, str, str]:
    figures = f"{number(change.before)} → {number(change.after)}"
    return figures, f"{change.difference:+.3f}", f"{change.low:+.3f} … {change.high:+.3f}"


def _smallest(change: Change) -> str:
    return "none" if change.smallest > 1 else number(change.smallest)


def _flips(split: SplitComparison, width: int, show: str) -> list[str]:
    if not split.flipped:
        return wrapped(f"No example of {split.split} flipped.", width)
    worse, better = (sum(sign * _loss(flip) > 0 for flip in split.flipped) for sign in (1, -1))
    said = f"{counted(len(split.flipped), 'example')} of {split.split} flipped: {worse} became worse, {better} better"
    other = len(split.flipped) - worse - better
    said += f", {other} changed without either" if other else ""
    shown = split.flipped[:SHOWN_FLIPS]
    told = [name for name in FLIPPING if any(name in flip.before or name in flip.after for flip in shown)]
    columns = [Column("example"), *map(Column, told), Column("shown by")]
    body = []
    for flip in shown:
        figures = flip_figures(flip)
        body.append([_escaped(flip.id), *(figures[name] for name in told), f"{show} {shlex.quote(flip.id)}"])
    flips = table(columns, body, width)
    if len(flips) == 1 + len(shown):
        lines = wrapped(f"{said}:", width) + flips
    else:
        # A command is to be copied, so it stands once, whole, where there is no room for it beside each.
        lines = [*wrapped(f"{said}, each shown by", width), f"  {show} ID"]
        lines += table(columns[:-1], [row[:-1] for row in body], width)
    more = len(split.flipped) - len(shown)
    return [*lines, f"and {more} more"] if more else lines


def _loss(flip: Flipped) -> float:
    """How much worse an example became: in overall, or in leakage where that is not on both sides."""
    before, after = flip.before, flip.after
    if "overall" in before and "overall" in after:
        return before["overall"] - after["overall"]
    return after.get("leakage", 0.0) - before.get("leakage", 0.0)


def _slices(split: SplitComparison, width: int) -> list[str]:
    """Which slices moved, and how many would by chance."""
    said = looked_at(split)
    body = [
        (_escaped(sliced(part)), str(change.n), change.metric, *_moved(change))
        for part in split.slices
        for change in part.moved
    ]
    lines = wrapped(f"{said[0].upper()}{said[1:]}{':' if body else '.'}", width)
    return lines + (table(_SLICES, body, width) if body else [])


def _escaped(text: str) -> str:
    return visible(text, one_line=True)


def _indented(text: str, width: int) -> list[str]:
    return wrapped(_escaped(text), width)
