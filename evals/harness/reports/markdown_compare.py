"""Markdown, compare: what changed between runs, for a pull request: what moved beyond chance in its first line.

A view that decides nothing, and holds ids and figures alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.harness.reports.markup import bullets, fence, fitted, name, prose, sentences, table
from papillon.results import Measure, RunResult
from papillon.results.comparison import Change, Comparison, Flipped, SplitComparison
from papillon.results.words import (
    LEGEND,
    NOTHING_DIFFERS,
    changed,
    corrected_changes,
    direction,
    first_of,
    flip_figures,
    interval,
    looked_at,
    number,
    shared,
    sliced,
)

__all__ = ["comparisons_markdown", "scores_table", "since_block"]

#: The metrics in the table of several runs.
_SCORES = ("quality", "leakage", "overall", "carried", "errors")

#: How many flipped examples are named for each split, in a page of its own and beside a run.
FLIPS, FLIPS_BESIDE = 50, 20


def comparisons_markdown(comparisons: Sequence[Comparison], most: int, command: str = "", *, scores: str = "") -> str:
    """Each later run beside the first, in at most ``most`` bytes; ``command`` does it again, as a shell takes it, and
    ``scores`` is a table of all of them."""
    words = [_word(split) for comparison in comparisons for split in comparison.splits]
    blocks = [f"## {_headline(comparisons, words)}", scores]
    for comparison in comparisons:
        blocks += [f"{name(comparison.before)} → {name(comparison.after)}", _differing(comparison)]
        for split in comparison.splits:
            blocks += [
                f"**{name(split.split)}**: {shared(split)}",
                _changes(split),
                sentences(corrected_changes(split)),
                _flips(split, FLIPS),
                _slices(split),
            ]
    return fitted(
        [*blocks, f"{LEGEND[0].upper()}{LEGEND[1:]}.", f"To see each example:\n\n{fence(command)}" if command else ""],
        most,
    )


def scores_table(runs: Sequence[tuple[str, RunResult]], scores: Sequence[Mapping[str, Mapping[str, Measure]]]) -> str:
    """Each named run's ``scores``, by split and metric, with their intervals, and the tokens that its calls took."""
    body = []
    for (called, run), splits in zip(runs, scores, strict=True):
        tokens = f"{run.run.tokens.input:,} / {run.run.tokens.output:,}"
        for split, of in splits.items():
            n = max((measure.n for measure in of.values()), default=0)
            figures = [_figure(of.get(metric)) for metric in _SCORES]
            body.append([prose(called), name(split), str(n), *figures, tokens])
    return table(["run", "split", ">n", *(f">{metric}" for metric in _SCORES), ">tokens in / out"], body)


def _figure(measure: Measure | None) -> str:
    if measure is None:
        return "–"
    return f"{number(measure.value)} ({interval(measure)})" if interval(measure) else number(measure.value)


def since_block(comparison: Comparison) -> str:
    """What moved since the last comparable run, for a run's own summary."""
    if comparison.unchanged:
        return f"The same rows as {name(comparison.before)}."
    lines = []
    for split in comparison.splits:
        told = [change for change in split.changes if change.metric in ("quality", "leakage") or change.moved]
        lines += [f"{name(split.split)} {prose(changed(change))}" for change in told]
        lines += [_flips(split, FLIPS_BESIDE)] if split.flipped else []
    return f"**Since** {name(comparison.before)}:\n\n{bullets(lines)}" if lines else ""


def _headline(comparisons: Sequence[Comparison], words: Sequence[str]) -> str:
    if refused := next((each.refused for each in comparisons if each.refused), ""):
        return f"NOT COMPARABLE: {prose(refused)}"
    if all(each.unchanged for each in comparisons):
        return "UNCHANGED: both have the same rows"
    said = [word for word in words if word]
    if not said:
        return "NOTHING MOVED beyond chance"
    worse, better = (any(f": {way}" in word for word in said) for way in ("worse", "better"))
    head = "WORSE AND BETTER" if worse and better else "WORSE" if worse else "BETTER" if better else "MOVED"
    return f"{head}: {'; '.join(first_of(said, 5))}"


def _word(split: SplitComparison) -> str:
    """What of a split moved beyond chance, and which way; "" for nothing."""
    moved = [change for change in split.changes if change.moved]
    parts = [
        f"{name(f'{split.split}-{change.metric}')} {change.difference:+.3f}: {direction(change)}" for change in moved
    ]
    return ", ".join(parts)


def _differing(comparison: Comparison) -> str:
    if not comparison.differing:
        return NOTHING_DIFFERS
    return bullets(
        [f"{prose(each.what)}: {_named(each.before)} → {_named(each.after)}" for each in comparison.differing]
    )


def _named(text: str) -> str:
    return name(text) if text else "none"


def _changes(split: SplitComparison) -> str:
    heads = ["metric", ">before", ">after", ">difference", "95% interval", ">rose", ">fell", "beyond chance", ">n"]
    return table(heads, [[*_figures(change), _loud(direction(change)), str(change.n)] for change in split.changes])


def _figures(change: Change) -> list[str]:
    return [
        name(change.metric),
        number(change.before),
        number(change.after),
        f"{change.difference:+.3f}",
        f"{change.low:+.3f} … {change.high:+.3f}",
        str(change.rose),
        str(change.fell),
    ]


def _loud(way: str) -> str:
    return way if way.startswith("no") else f"**{way}**"


def _flips(split: SplitComparison, most: int) -> str:
    """The examples that flipped, the largest worsening first, by id."""
    if not split.flipped:
        return ""
    more = len(split.flipped) - most
    shown = [*map(_flip, split.flipped[:most]), *([f"{more} more"] if more > 0 else [])]
    return f"flipped, worst first: {'; '.join(shown)}"


def _flip(flip: Flipped) -> str:
    moved = [f"{metric} {said}" for metric, said in flip_figures(flip).items() if "→" in said]
    return f"{name(flip.id)} {', '.join(moved)}".strip()


def _slices(split: SplitComparison) -> str:
    """Which slices moved, and how many would by chance."""
    if not split.looked:
        return ""
    body = [[prose(sliced(part)), *_figures(change), str(change.n)] for part in split.slices for change in part.moved]
    heads = ["slice", "metric", ">before", ">after", ">difference", "95% interval", ">rose", ">fell", ">n"]
    return "\n\n".join(filter(None, [f"{looked_at(split)}.", table(heads, body, 20)]))
