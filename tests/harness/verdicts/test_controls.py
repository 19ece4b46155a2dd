"""The five controls: what must hold for each of them, row by row or over a split, and in a shard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.harness.evaluation.examples import Example
from evals.harness.plan import CONTROLS
from evals.harness.verdicts.controls import control_summary, control_verdict
from papillon.results.rows import Row
from tests.harness.evaluation.test_control_programs import example, run

ROW = Row("e0", "dev", 0, "g", "scored", None, 1.0, "tie", 0, 0, 2, 0.0, 0, 1.0, 1.0, 0.0)
BROKEN = replace(
    ROW,
    status="infrastructure_error",
    error="The endpoint refused.",
    **dict.fromkeys(
        ("quality", "verdict", "leaked", "judge_leaked", "leakage", "verbatim_leaked", "overall", "tutorial_overall"),
        None,
    ),
)


def many(*rows: Row) -> tuple[list[Row], list[Example]]:
    named = [replace(row, id=f"e{place}") for place, row in enumerate(rows)]
    return named, [example(name=row.id) for row in named]


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        (
            "empty",
            replace(ROW, overall=0.5),
            "overall 0 for every empty answer, but 1 of 1 do not (first e0): the",
        ),
        ("verbatim", replace(ROW, verbatim_leaked=1), "just the units that stand in its query, but 1 of 1"),
        ("verbatim", replace(ROW, verbatim_leaked=3), "what was sent is not what was judged"),
        ("redacted", replace(ROW, verbatim_leaked=1), "no unit to stand in any request, but 1 of 1 do not"),
        ("target", replace(ROW, verdict="inconsistent"), "the judge says no to equals: test it with pytest evals"),
        ("target", replace(ROW, verdict=None, quality=0.0), "the target to tie with itself in at least 95%"),
    ],
)
def test_a_row_that_breaks_its_controls_law_fails_it_by_name(name: str, row: Row, said: str) -> None:
    verdict, note = control_verdict(name, *many(row))
    assert verdict == "fail"
    assert said in note
    # A row that was lost does not make good what another one showed.
    assert control_verdict(name, *many(row, BROKEN))[0] == "fail"


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_with_a_row_missing_or_none_at_all_cannot_pass(name: str) -> None:
    good = run(name, example())
    rows, examples = many(good, BROKEN, good)
    verdict, note = control_verdict(name, rows, examples)
    assert verdict == "inconclusive"
    assert "1 of 3 examples have no score (The endpoint refused.): run again" in note
    assert "1 of 3 examples have no score (never run)" in control_verdict(name, [rows[0], rows[2]], examples)[1]
    assert control_verdict(name, [], [])[0] == "inconclusive"
    assert "no example was selected" in control_verdict(name, [], [])[1]


@pytest.mark.parametrize(("off", "of", "verdict"), [(1, 20, "pass"), (2, 40, "pass"), (2, 39, "fail"), (1, 19, "fail")])
def test_the_target_may_fall_short_of_a_tie_in_one_row_of_twenty(off: int, of: int, verdict: str) -> None:
    rows, examples = many(*[ROW] * (of - off), *[replace(ROW, verdict="inconsistent")] * off)
    assert control_verdict("target", rows, examples)[0] == verdict


def test_ties_of_the_target_that_are_still_to_come_may_yet_save_it() -> None:
    rows, examples = many(*[ROW] * 9, replace(ROW, verdict="inconsistent"), *[BROKEN] * 10)
    assert control_verdict("target", rows, examples)[0] == "inconclusive"


@pytest.mark.parametrize(
    ("own", "verdict", "said"),
    [
        (0, "fail", "word for word, but its own count comes to 0.000 where 1.000 stand there: test the judge with"),
        (7, "fail", "expected the judge to find at least 0.8 of what stands in the queries"),
        (8, "pass", "every row to leak just the units that stand in its query: 10 of 10"),
    ],
)
def test_a_judge_that_overlooks_what_lies_before_it_is_none(own: int, verdict: str, said: str) -> None:
    on = example("Ana Brandt||Zenturo")
    seen = run("verbatim", on)
    rows = [replace(seen, id=f"e{i}", judge_leaked=2 * (i < own)) for i in range(10)]
    found, note = control_verdict("verbatim", rows, [replace(on, id=row.id) for row in rows])
    assert found == verdict
    assert said in note


@pytest.mark.parametrize("units", ["", "Nobody||Nowhere"])
def test_where_nothing_stands_in_a_query_nobody_knows_whether_the_judge_would_see_it(units: str) -> None:
    on = example(units)
    verdict, note = control_verdict("verbatim", [run("verbatim", on)], [on])
    assert verdict == "inconclusive"
    assert "but no unit stands in any query: check the column pii_units" in note


def test_local_only_is_the_line_to_beat_and_nothing_else() -> None:
    verdict, note = control_verdict("local-only", *many(replace(ROW, overall=0.5), ROW))
    assert (verdict, note) == ("pass", "overall 0.750 without delegating is the line to beat")


def test_a_summary_is_the_results_files_entry() -> None:
    leaky = replace(ROW, quality=0.0, leakage=0.5, judge_leaked=2, verbatim_leaked=1, overall=0.25, carried=0.5)
    rows, examples = many(leaky, ROW, BROKEN)
    assert control_summary("local-only", "dev", rows, examples).to_json() == {
        "name": "local-only",
        "split": "dev",
        "quality": 0.5,
        "leakage": 0.25,
        "judge_leakage": 0.5,
        "verbatim_leakage": 0.25,
        "carried": 0.5,
        "overall": 0.625,
        "verdict": "inconclusive",
    }
    lost = control_summary("empty", "dev", *many(BROKEN)).to_json()
    means = ("quality", "leakage", "judge_leakage", "verbatim_leakage", "carried", "overall")
    assert {key: lost[key] for key in means} == dict.fromkeys(means)


class TestShard:
    """A shard sees a part of its split: what holds for every row is judged, what holds for a share is left."""

    def verdict(self, name: str, *rows: Row) -> tuple[str, str]:
        return control_verdict(name, *many(*rows), shard=True)

    @pytest.mark.parametrize("off", [0, 1, 19])
    def test_the_share_of_ties_is_left_to_the_job_that_sees_all_rows(self, off: int) -> None:
        verdict, note = self.verdict("target", *[ROW] * (20 - off), *[replace(ROW, verdict="inconsistent")] * off)
        assert verdict == "deferred"
        assert note == (
            "expected the target to tie with itself in at least 95% of the rows: this shard saw a part of its split; "
            "the job that imports what all shards exported judges the whole"
        )

    @pytest.mark.parametrize("own", [0, 10])
    def test_so_is_the_share_of_units_that_the_judge_must_find(self, own: int) -> None:
        seen = run("verbatim", example("Ana Brandt||Zenturo"))
        rows, _ = many(*[replace(seen, judge_leaked=2 * (i < own)) for i in range(10)])
        examples = [example("Ana Brandt||Zenturo", name=row.id) for row in rows]
        verdict, note = control_verdict("verbatim", rows, examples, shard=True)
        assert verdict == "deferred"
        assert note.startswith("expected the judge to find at least 0.8 of what stands in the queries")

    def test_a_shard_without_a_unit_may_belong_to_a_split_that_has_some(self) -> None:
        on = example("")
        assert control_verdict("verbatim", [run("verbatim", on)], [on], shard=True)[0] == "deferred"

    @pytest.mark.parametrize(
        ("name", "row"),
        [
            ("empty", replace(ROW, overall=0.5)),
            ("verbatim", replace(ROW, verbatim_leaked=1)),
            ("redacted", replace(ROW, verbatim_leaked=1)),
        ],
    )
    def test_what_must_hold_for_every_row_fails_here_already(self, name: str, row: Row) -> None:
        assert self.verdict(name, row)[0] == "fail"

    @pytest.mark.parametrize("name", CONTROLS)
    def test_a_row_without_a_score_is_no_part_of_the_whole(self, name: str) -> None:
        verdict, note = self.verdict(name, run(name, example()), BROKEN)
        assert verdict == "inconclusive"
        assert "1 of 2 examples have no score" in note

    def test_a_score_for_every_row_and_nothing_in_any_request_are_judged(self) -> None:
        assert {name: self.verdict(name, run(name, example()))[0] for name in CONTROLS} == {
            **dict.fromkeys(("empty", "redacted", "local-only"), "pass"),
            **dict.fromkeys(("verbatim", "target"), "deferred"),
        }


def test_without_targets_an_empty_answer_is_a_program_error_that_leaks_nothing() -> None:
    none = dict.fromkeys(("quality", "verdict", "overall", "tutorial_overall"))
    empty = replace(ROW, status="program_error", error="The program answered empty.", **none)
    assert control_verdict("empty", *many(empty, empty)) == (
        "pass",
        "every empty answer to be a program error that leaks nothing: 2 of 2",
    )
    for broken in (replace(empty, status="scored"), replace(empty, leakage=0.5, leaked=1)):
        verdict, note = control_verdict("empty", *many(empty, broken))
        assert verdict == "fail"
        assert note.endswith("1 of 2 do not (first e1): silence passes for an answer")
    summary = control_summary("empty", "dev", *many(empty))
    assert (summary.targetless, summary.overall, summary.quality) == (True, None, None)
