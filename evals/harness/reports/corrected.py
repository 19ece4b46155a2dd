"""Corrected: the judge's figures beside people's labels and what both come to, in words and cells; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from papillon.results.correction import Assumed, Correction
from papillon.results.judging import Measure
from papillon.results.words import between, number
from papillon.tables import Column, table, wrapped

__all__ = ["HEADS", "cells", "corrected_lines", "corrected_notes"]

#: What each cell of a figure is.
HEADS = ("corrected by labels", "judge", "labels alone", "corrected", "labels")

#: A corrected interval that is so many times as wide as that of labels alone is told.
WIDER = 1.1

_COLUMNS = (Column(HEADS[0], "by labels"), *(Column(head) for head in HEADS[1:-1]), Column(HEADS[-1], "n"))


def corrected_lines(corrections: Sequence[Correction], width: int) -> list[str]:
    """The figures as a table that fits ``width`` columns (60 and more), and below it what there is to say of them."""
    if not corrections:
        return []
    lines = table(_COLUMNS, [cells(each) for each in corrections], width)
    for note in corrected_notes(corrections):
        lines += wrapped(note, width)
    return lines


def cells(each: Correction) -> tuple[str, ...]:
    """One figure's cells below HEADS: its name, the three figures, and how many independent rows have a label."""
    by_labels = ("–" if seen is None else between(seen) for seen in (each.labels, each.corrected))
    return f"{each.split}-{each.metric}", number(each.judge.value), *by_labels, f"{each.labelled} of {each.of}"


def corrected_notes(corrections: Sequence[Correction]) -> Iterator[str]:
    """What a figure lacks or rests on, each in a sentence."""
    for each in corrections:
        name = f"{each.split}-{each.metric}"
        if each.early:
            yield f"{name}: it is too early to correct it: {each.early}."
        if each.unsure:
            rows = f"{each.unsure} row{'s' * (each.unsure > 1)} of which people could not tell"
            ends = ""
            if each.least is not None and each.most is not None:
                ends = (
                    f"; with these as low or as high as can be it would be {number(each.least)} or {number(each.most)}"
                )
            yield f"{name}: without {rows}{ends}."
        if each.labelled < each.of and _span(each.corrected) > WIDER * _span(each.labels) > 0:
            yield (
                f"{name}: corrected it is less sure than by labels alone, as happens with few labels and scores near 0 "
                "or 1: more labels help."
            )
        if each.assumed is not None:
            yield f"{name}: {_assumed(each.assumed)}."


def _span(seen: Measure | None) -> float:
    return 0.0 if seen is None or seen.low is None or seen.high is None else seen.high - seen.low


def _assumed(seen: Assumed) -> str:
    errs = f"sensitivity {seen.sensitivity:.2f}, specificity {seen.specificity:.2f}, by {seen.n} labels of other runs"
    if seen.value is None or seen.low is None or seen.high is None:
        return f"labels of other runs say nothing here, since {seen.why} ({errs})"
    figure = f"{number(seen.value)} ({seen.low:.3f} to {seen.high:.3f})"
    return f"{figure}, assuming that the judge errs here as it did there: {errs}; no gate takes it"
