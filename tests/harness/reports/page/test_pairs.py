"""Pairs: rows of two runs beside each other, what flipped first, and what the two have in common once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from evals.harness.reports.page.pairs import pair_blocks, pair_figures
from evals.harness.verdicts.comparison import compare
from papillon.results import RunResult
from papillon.results.traces import Trace
from tests.harness.reports.page.samples import changed, large_run, trace_of


def figures(before: RunResult, after: RunResult) -> list[dict[str, Any]]:
    data = pair_figures(compare(before, after), before, after)
    return [dict(zip(data["fields"], row, strict=True)) for row in data["rows"]]


def blocks(before: list[Trace], after: list[Trace]) -> dict[str, dict[str, Any]]:
    run = replace(large_run(4)[0])
    made = [str(each) for each in pair_blocks((run, before), (run, after))]
    return {each.split('"')[3]: json.loads(each[each.index(">") + 1 : each.rindex("</script>")]) for each in made}


def test_what_flipped_is_sorted_before_the_rest_as_the_comparison_has_it() -> None:
    before, _ = large_run(60)
    after = changed(before)
    rows = figures(before, after)
    ranked = [row["id"] for row in sorted(rows, key=lambda row: row["order"])]
    (split,) = compare(before, after).splits
    assert ranked[: len(split.flipped)] == [flip.id for flip in split.flipped]
    assert rows[5]["change"] == "not known"  # it has no score in either
    kinds = {row["change"] for row in rows if row["order"] < len(split.flipped)}
    assert kinds == {"worse", "better"}


def test_a_row_of_one_run_alone_is_there_and_says_so() -> None:
    before, _ = large_run(4)
    rows = figures(replace(before, rows=before.rows[:3]), replace(before, rows=before.rows[1:]))
    assert {row["id"]: row["change"] for row in rows} == {
        before.rows[1].id: "same",
        before.rows[2].id: "same",
        before.rows[3].id: "only after",
        before.rows[0].id: "only before",
    }
    assert rows[-1]["after"]["status"] is None


def test_what_both_have_of_the_data_stands_once() -> None:
    row = large_run(4)[0].rows[2]
    old = replace(trace_of(row), response="red green blue")
    found = blocks([old], [replace(old, response="red grey blue")])
    assert found["a2"]["query"] == old.query
    assert not {"query", "target", "units"} & found["b2"].keys()
    assert (found["a2"]["answer"], found["b2"]["answer"]) == ("red green blue", "red grey blue")


def test_texts_of_one_run_alone_stand_whole() -> None:
    row = large_run(4)[0].rows[1]
    found = blocks([], [trace_of(row)])
    assert [*found] == ["b1"]
    assert found["b1"]["query"] == trace_of(row).query
