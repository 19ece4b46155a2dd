"""The runs that left a folder, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.reports.runs import runs_lines
from papillon.results import RunResult
from papillon.tables import width_of
from tests.harness.verdicts.samples import qualities, row
from tests.papillon.results.samples import INFO, gate, result


def left(number: int, word: str = "last", **changed: object) -> tuple[str, str, RunResult]:
    info = replace(INFO, id=f"run-{number}", **changed)  # type: ignore[arg-type]
    gates = (gate(), gate(metric="leakage"), gate(metric="overall", verdict="inconclusive"), gate(split="test"))
    return info.id, word, replace(result(*qualities(15, 5), row(0, split="test")), run=info, gates=gates)


def test_each_run_has_a_line_for_each_split_and_the_word_that_names_it() -> None:
    name, word, limited = left(1, cost_usd=None)
    limited = replace(limited, rows=limited.rows[:3])
    assert runs_lines([left(0, "last~1"), (name, word, limited)], 200) == [
        "run            when (UTC)        profile  data  split        n  quality  leakage  overall  carried  "
        "gates                   cost        complete",
        "run-0  last~1  2026-11-26 06:10  small    mini  dev         20    0.750    0.000    0.875    0.750  "
        "2 pass, 1 inconclusive  0.0012 USD  yes",
        "run-0  last~1  2026-11-26 06:10  small    mini  test   1 of 20    1.000    0.000    1.000    1.000  "
        "1 pass                  0.0012 USD  yes",
        "run-1  last    2026-11-26 06:10  small    mini  dev    3 of 20    1.000    0.000    1.000    1.000  "
        "2 pass, 1 inconclusive  unknown     no",
    ]


def test_what_cannot_be_read_is_named_below() -> None:
    lines = runs_lines([("run-8", "", "it came to no results."), ("run-9", "last~1", "it is no JSON."), left(0)], 200)
    assert lines[1].startswith("run-0  last  ")
    assert lines[-2:] == ["run-8: it came to no results.", "run-9 (last~1): it is no JSON."]
    assert runs_lines([("run-9", "", "it is under way.")], 80) == ["run-9: it is under way."]


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_the_window(width: int) -> None:
    lines = runs_lines([left(0, profile="x" * 40), ("run-1", "", "it cannot be read. " * 9)], width)
    assert all(width_of(line) <= width for line in lines)
    assert "  last  2026-11-26 06:10" in "\n".join(lines)


def test_nothing_in_a_foreign_file_acts_on_the_terminal() -> None:
    assert "\x1b" not in "\n".join(runs_lines([left(0, profile="\x1b[31m"), ("\x1b[2J", "", "why")], 200))
